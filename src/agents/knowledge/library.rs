//! Keeps the index in step with the folder.
//!
//! What is known of a file is written down only after its passages were published, so a step that
//! fails is simply taken again. A folder that cannot be read counts as empty until it can.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::folder::{self, File, Found, Stamp, Unfit};
use super::index::{Edit, Hit, PassageIndex, View};
use super::passage::passages;
use super::question::{Question, analyzer};

/// A folder of documents and the index of their passages.
#[derive(Debug)]
pub(super) struct Library {
    folder: PathBuf,
    index: PassageIndex,
    known: BTreeMap<String, Known>,
    trouble: Option<String>,
    last_look: Option<Instant>,
}

/// What is known of one path below the folder.
#[derive(Debug, Clone, PartialEq)]
enum Known {
    Indexed(Stamp),
    /// Not read, for a reason that lasts until the file is changed.
    Unfit(Stamp, String),
    /// Not read, for a reason that may pass at any time.
    Inaccessible(String),
}

/// What the library holds at one moment.
pub(super) struct Catalogue {
    view: View,
    /// How many documents can be searched.
    pub(super) documents: usize,
    /// Why the folder cannot be read, where it cannot.
    pub(super) trouble: Option<String>,
}

impl Catalogue {
    /// The passages that answer the question best, best first.
    pub(super) fn search(&self, question: &str, limit: usize) -> tantivy::Result<Vec<Hit>> {
        self.view.search(&Question::new(question), limit)
    }
}

impl Library {
    /// A library that has not looked at its folder yet.
    pub(super) fn new(folder: PathBuf) -> Self {
        Self {
            folder,
            index: PassageIndex::new(analyzer()),
            known: BTreeMap::new(),
            trouble: None,
            last_look: None,
        }
    }

    /// Whether the folder was looked at no longer ago than that.
    pub(super) fn looked_within(&self, interval: Duration) -> bool {
        self.last_look.is_some_and(|at| at.elapsed() < interval)
    }

    /// Looks at the folder and indexes what has changed since the last look. Blocks.
    ///
    /// # Errors
    /// When the index cannot be written; what it held before still stands.
    pub(super) fn refresh(&mut self) -> tantivy::Result<()> {
        let found = self.look();
        let mut edit = self.index.edit();
        let mut known = BTreeMap::new();
        for (path, file) in found {
            let now = renewed(&mut edit, &path, file, self.known.get(&path))?;
            known.insert(path, now);
        }
        for (path, before) in &self.known {
            if matches!(before, Known::Indexed(_)) && !known.contains_key(path) {
                edit.remove(path)?;
            }
        }
        edit.publish()?;
        self.note(known);
        Ok(())
    }

    /// What can be searched now.
    pub(super) fn catalogue(&self) -> Catalogue {
        Catalogue {
            view: self.index.view(),
            documents: self.documents(),
            trouble: self.trouble.clone(),
        }
    }

    fn documents(&self) -> usize {
        let known = self.known.values();
        known
            .filter(|known| matches!(known, Known::Indexed(_)))
            .count()
    }

    fn look(&mut self) -> Found {
        self.last_look = Some(Instant::now());
        let (found, trouble) = match folder::look(&self.folder) {
            Ok(found) => (found, None),
            Err(error) => (Found::new(), Some(unreadable(&self.folder, &error))),
        };
        if let Some(trouble) = trouble.as_ref().filter(|_| self.trouble != trouble) {
            log::warn!("{trouble}; it is looked for again before every search");
        }
        self.trouble = trouble;
        found
    }

    fn note(&mut self, known: BTreeMap<String, Known>) {
        let news = known
            .iter()
            .filter(|(path, now)| self.known.get(*path) != Some(now));
        for (path, now) in news {
            if let Known::Unfit(_, why) | Known::Inaccessible(why) = now {
                log::warn!("{} is left out: {why}", self.folder.join(path).display());
            }
        }
        let changed = self.known != known;
        self.known = known;
        if changed {
            log::info!(
                "{} holds {} documents",
                self.folder.display(),
                self.documents()
            );
        }
    }
}

/// Says that the folder cannot be read, and what to do.
pub(super) fn unreadable(folder: &Path, error: &std::io::Error) -> String {
    format!(
        "the knowledge folder {} cannot be read ({error}); create it or correct its path",
        folder.display()
    )
}

/// Indexes one file anew if it is not what it was before.
fn renewed(
    edit: &mut Edit<'_>,
    path: &str,
    file: Result<File, String>,
    before: Option<&Known>,
) -> tantivy::Result<Known> {
    if let (Ok(file), Some(known @ (Known::Indexed(stamp) | Known::Unfit(stamp, _)))) =
        (&file, before)
        && *stamp == file.stamp
    {
        return Ok(known.clone());
    }
    if matches!(before, Some(Known::Indexed(_))) {
        edit.remove(path)?;
    }
    match file {
        Ok(file) => shelve(edit, path, &file),
        Err(why) => Ok(Known::Inaccessible(why)),
    }
}

fn shelve(edit: &mut Edit<'_>, path: &str, file: &File) -> tantivy::Result<Known> {
    Ok(match file.read() {
        Ok(text) => {
            edit.add(path, passages(path, &text))?;
            Known::Indexed(file.stamp)
        }
        Err(Unfit::Content(why)) => Known::Unfit(file.stamp, why),
        Err(Unfit::Access(why)) => Known::Inaccessible(why),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use tempfile::{TempDir, tempdir};

    fn library(files: &[(&str, &str)]) -> (TempDir, Library) {
        let folder = tempdir().unwrap();
        for (name, text) in files {
            fs::write(folder.path().join(name), text).unwrap();
        }
        let mut library = Library::new(folder.path().to_owned());
        library.refresh().unwrap();
        (folder, library)
    }

    fn found(library: &mut Library, question: &str) -> Vec<String> {
        library.refresh().unwrap();
        let hits = library.catalogue().search(question, 9).unwrap();
        hits.into_iter().map(|hit| hit.passage.text).collect()
    }

    #[test]
    fn new_changed_and_deleted_files_are_followed() {
        let (folder, mut library) = library(&[("a.md", "heron")]);
        assert_eq!(found(&mut library, "heron"), ["heron"]);

        fs::write(folder.path().join("b.txt"), "heron, too").unwrap();
        assert_eq!(found(&mut library, "heron").len(), 2);

        fs::write(folder.path().join("a.md"), "a crane instead").unwrap();
        assert_eq!(found(&mut library, "heron"), ["heron, too"]);
        assert_eq!(found(&mut library, "crane"), ["a crane instead"]);

        fs::remove_file(folder.path().join("b.txt")).unwrap();
        assert_eq!(found(&mut library, "heron"), [""; 0]);
        assert_eq!(library.catalogue().documents, 1);
    }

    #[test]
    fn what_has_not_changed_is_not_read_again() {
        let (folder, mut library) = library(&[("a.md", "heron"), ("b.md", "heron")]);
        let known = library.known.clone();
        let path = folder.path().join("a.md");
        let modified = fs::metadata(&path).unwrap().modified().unwrap();
        fs::write(&path, "crane").unwrap();
        let file = fs::File::options().append(true).open(&path).unwrap();
        file.set_modified(modified).unwrap();
        assert_eq!(found(&mut library, "heron").len(), 2);
        assert_eq!(library.known, known);
    }

    #[test]
    fn a_file_that_will_not_do_is_left_out_until_it_is_changed() {
        let (folder, mut library) = library(&[("a.md", "heron")]);
        let path = folder.path().join("a.md");
        fs::write(&path, b"heron \xff").unwrap();
        assert_eq!(found(&mut library, "heron"), [""; 0]);
        assert!(matches!(library.known["a.md"], Known::Unfit(..)));
        assert_eq!(library.catalogue().documents, 0);
        fs::write(&path, "heron again").unwrap();
        assert_eq!(found(&mut library, "heron"), ["heron again"]);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_that_leads_nowhere_is_tried_again() {
        let (folder, mut library) = library(&[]);
        std::os::unix::fs::symlink("b.rst", folder.path().join("a.md")).unwrap();
        assert_eq!(found(&mut library, "heron"), [""; 0]);
        assert!(matches!(library.known["a.md"], Known::Inaccessible(_)));
        fs::write(folder.path().join("b.rst"), "heron").unwrap();
        assert_eq!(found(&mut library, "heron"), ["heron"]);
    }

    #[test]
    fn a_folder_that_goes_and_comes_back_is_followed() {
        let (folder, mut library) = library(&[("a.md", "heron")]);
        let away = folder.path().with_extension("away");
        fs::rename(folder.path(), &away).unwrap();
        assert_eq!(found(&mut library, "heron"), [""; 0]);
        let name = folder.path().display().to_string();
        assert!(library.catalogue().trouble.unwrap().contains(&name));
        fs::rename(&away, folder.path()).unwrap();
        assert_eq!(found(&mut library, "heron"), ["heron"]);
        assert_eq!(library.catalogue().trouble, None);
    }

    #[test]
    fn many_edits_leave_one_passage() {
        let (folder, mut library) = library(&[("a.md", "heron"), ("b.md", "crane")]);
        for i in 0..30 {
            fs::write(folder.path().join("a.md"), "heron ".repeat(i + 2)).unwrap();
            assert_eq!(found(&mut library, "heron").len(), 1);
        }
        assert_eq!(found(&mut library, "crane"), ["crane"]);
    }
}
