//! Looks at a folder of documents: which there are, and whether they have changed.
//!
//! A look reads no document, so it is cheap enough to come before every search. A document that
//! was changed is told by its time of change or its length; one that was rewritten at the same
//! length within the resolution of the file system's clock goes unnoticed until it changes again.
//! Links are followed, hidden files and folders are not seen.

use std::collections::BTreeMap;
use std::fs::{self, Metadata};
use std::io;
use std::path::{Component, Path, PathBuf};
use std::time::SystemTime;

use walkdir::{DirEntry, WalkDir};

use super::passage::is_document;

/// The longest document that is read, in bytes.
const LARGEST: u64 = 4 * 1024 * 1024;

/// What tells one state of a file from the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    modified: SystemTime,
    length: u64,
}

/// Everything a look has found, by path relative to the folder, with forward slashes. An error
/// says why something there cannot be looked at.
pub(super) type Found = BTreeMap<String, Result<File, String>>;

/// A document, unread.
#[derive(Debug, Clone)]
pub(super) struct File {
    path: PathBuf,
    pub(super) stamp: Stamp,
}

/// Why a document has no text for us.
#[derive(Debug)]
pub(super) enum Unfit {
    /// It will not do until it is changed.
    Content(String),
    /// It could not be read; the next attempt may succeed.
    Access(String),
}

/// Fails where the folder itself cannot be read.
pub(super) fn check(folder: &Path) -> io::Result<()> {
    fs::read_dir(folder).map(drop)
}

/// Finds the documents below the folder.
pub(super) fn look(folder: &Path) -> io::Result<Found> {
    check(folder)?;
    let walk = WalkDir::new(folder).follow_links(true).into_iter();
    let visible = walk.filter_entry(|entry| entry.depth() == 0 || !is_hidden(entry.path()));
    Ok(visible.filter_map(|entry| found(folder, entry)).collect())
}

fn found(
    folder: &Path,
    entry: walkdir::Result<DirEntry>,
) -> Option<(String, Result<File, String>)> {
    let entry = match entry {
        Ok(entry) => entry,
        Err(error) => {
            let path = error.path().unwrap_or(folder);
            let told = path == folder || !is_hidden(path);
            return told.then(|| (relative(folder, path), Err(error.to_string())));
        }
    };
    let wanted = entry.file_type().is_file() && is_document(entry.path());
    wanted.then(|| (relative(folder, entry.path()), file(&entry)))
}

fn file(entry: &DirEntry) -> Result<File, String> {
    let metadata = entry.metadata().map_err(|error| error.to_string())?;
    Ok(File {
        path: entry.path().to_owned(),
        stamp: Stamp::of(&metadata),
    })
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Self {
            modified: metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH),
            length: metadata.len(),
        }
    }
}

impl File {
    /// The text of the document, without a byte order mark.
    pub(super) fn read(&self) -> Result<String, Unfit> {
        if self.stamp.length > LARGEST {
            let length = self.stamp.length;
            return Err(Unfit::Content(format!(
                "it has {length} bytes; at most {LARGEST} are read, so split it"
            )));
        }
        let bytes = fs::read(&self.path).map_err(|error| Unfit::Access(error.to_string()))?;
        let text = String::from_utf8(bytes)
            .map_err(|_| Unfit::Content("it is not UTF-8; save it as UTF-8".to_owned()))?;
        Ok(text.trim_start_matches('\u{feff}').to_owned())
    }
}

fn is_hidden(path: &Path) -> bool {
    path.file_name()
        .is_some_and(|name| name.as_encoded_bytes().starts_with(b"."))
}

fn relative(folder: &Path, path: &Path) -> String {
    let below = path.strip_prefix(folder).unwrap_or(path);
    let names = below.components().filter_map(|component| match component {
        Component::Normal(name) => Some(name.to_string_lossy()),
        _ => None,
    });
    names.collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::{TempDir, tempdir};

    fn folder_with(files: &[&str]) -> TempDir {
        let folder = tempdir().unwrap();
        for file in files {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "x").unwrap();
        }
        folder
    }

    fn only(folder: &TempDir) -> File {
        let found = look(folder.path()).unwrap();
        found.into_values().next().unwrap().unwrap()
    }

    #[test]
    fn documents_are_found_at_any_depth_and_nothing_else_is() {
        let folder = folder_with(&["a.md", "b/c/d.txt", "e.rs", ".f.md", ".g/h.md"]);
        let found = look(folder.path()).unwrap();
        assert_eq!(found.keys().collect::<Vec<_>>(), ["a.md", "b/c/d.txt"]);
    }

    #[test]
    fn a_hidden_folder_is_looked_into_when_it_is_the_one_asked_for() {
        let folder = folder_with(&[".a/b.md"]);
        assert_eq!(look(&folder.path().join(".a")).unwrap().len(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn links_are_followed_and_broken_ones_are_told() {
        use std::os::unix::fs::symlink;
        let folder = folder_with(&[".data/a.md"]);
        symlink(".data/a.md", folder.path().join("a.md")).unwrap();
        symlink("nowhere", folder.path().join("b.md")).unwrap();
        symlink("nowhere", folder.path().join(".#c.md")).unwrap();
        let found = look(folder.path()).unwrap();
        assert!(found["a.md"].is_ok());
        assert!(found["b.md"].is_err());
        assert_eq!(found.len(), 2);
    }

    #[test]
    fn a_change_shows_in_the_stamp() {
        let folder = folder_with(&["a.md"]);
        let before = only(&folder).stamp;
        assert_eq!(only(&folder).stamp, before);
        fs::write(folder.path().join("a.md"), "longer").unwrap();
        assert_ne!(only(&folder).stamp, before);
    }

    #[test]
    fn what_is_too_long_or_not_utf_8_is_not_read() {
        let folder = folder_with(&["a.txt"]);
        let path = folder.path().join("a.txt");
        fs::write(&path, b"caf\xe9").unwrap();
        assert!(matches!(only(&folder).read(), Err(Unfit::Content(why)) if why.contains("UTF-8")));
        fs::File::create(&path)
            .unwrap()
            .set_len(LARGEST + 1)
            .unwrap();
        assert!(matches!(only(&folder).read(), Err(Unfit::Content(why)) if why.contains("split")));
        fs::File::create(&path).unwrap().set_len(LARGEST).unwrap();
        assert!(only(&folder).read().is_ok());
    }

    #[test]
    fn a_byte_order_mark_is_not_part_of_the_text() {
        let folder = folder_with(&["a.md"]);
        fs::write(folder.path().join("a.md"), "\u{feff}# A").unwrap();
        assert_eq!(only(&folder).read().unwrap(), "# A");
    }

    #[test]
    fn a_file_is_not_a_folder() {
        let folder = folder_with(&["a.md"]);
        assert!(look(&folder.path().join("a.md")).is_err());
        assert!(look(&folder.path().join("missing")).is_err());
    }
}
