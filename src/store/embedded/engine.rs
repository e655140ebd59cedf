//! Opens the database, closes it when its disk fails, and says in words what went wrong.
//!
//! redb refuses to work on after a failed read or write until its file is opened again, so a disk
//! that was full for a minute would otherwise cost a restart of the orchestrator.

use std::io::ErrorKind;
use std::path::Path;

use redb::backends::InMemoryBackend;
use redb::{Builder, Database, Error};

use super::super::StoreError;
use super::tables::{self, Batch};

/// Enough for the inner pages of millions of keys; the default of a gigabyte is for databases
/// that have the machine to themselves.
const CACHE_BYTES: usize = 64 << 20;

type Opener = Box<dyn Fn() -> Result<Database, Error> + Send>;

/// A database that is open, or was and will be again.
pub(super) struct Engine {
    name: String,
    opener: Opener,
    database: Option<Database>,
}

impl Engine {
    /// The database in a file, which is made if it does not exist.
    pub(super) fn file(path: &Path) -> Result<Self, StoreError> {
        let path = path.to_owned();
        let name = format!("the embedded store at {}", path.display());
        Self::open(name, move || {
            if let Some(directory) = path.parent() {
                std::fs::create_dir_all(directory)?;
            }
            Ok(Builder::new().set_cache_size(CACHE_BYTES).create(&path)?)
        })
    }

    /// An empty database in memory, whose "disk" never fails.
    pub(super) fn memory() -> Result<Self, StoreError> {
        Self::open("the embedded store in memory".to_owned(), || {
            Ok(Builder::new().create_with_backend(InMemoryBackend::new())?)
        })
    }

    fn open(
        name: String,
        opener: impl Fn() -> Result<Database, Error> + Send + 'static,
    ) -> Result<Self, StoreError> {
        let mut engine = Self {
            name,
            opener: Box::new(opener),
            database: None,
        };
        engine.run(|_| Ok(()))?;
        Ok(engine)
    }

    /// What the store is called in errors.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Does `job` on the open database.
    pub(super) fn run<R>(
        &mut self,
        job: impl FnOnce(&Database) -> Result<R, Error>,
    ) -> Result<R, StoreError> {
        let database = self.take().map_err(|error| self.explain(&error))?;
        let outcome = job(&database);
        if !outcome.as_ref().is_err_and(is_failed_disk) {
            self.database = Some(database);
        }
        outcome.map_err(|error| self.explain(&error))
    }

    /// Makes a change in one transaction.
    pub(super) fn commit(
        &mut self,
        make: impl FnOnce(&mut Batch<'_>) -> Result<(), Error>,
    ) -> Result<(), StoreError> {
        self.run(|database| tables::change(database, make))
    }

    /// Closes the file, which is opened again for the next job.
    pub(super) fn close(&mut self) {
        self.database = None;
    }

    fn take(&mut self) -> Result<Database, Error> {
        if let Some(database) = self.database.take() {
            return Ok(database);
        }
        let database = (self.opener)()?;
        tables::create(&database)?;
        Ok(database)
    }

    fn explain(&self, error: &Error) -> StoreError {
        match diagnosis(error) {
            Diagnosis::Unavailable(problem, remedy) => StoreError::Unavailable {
                store: self.name.clone(),
                problem,
                remedy: remedy.to_owned(),
            },
            Diagnosis::Corrupt(problem) => StoreError::Corrupt {
                store: self.name.clone(),
                problem,
                remedy: "move the file away to begin with an empty store, or choose another path"
                    .to_owned(),
            },
        }
    }
}

enum Diagnosis {
    Unavailable(String, &'static str),
    Corrupt(String),
}

fn diagnosis(error: &Error) -> Diagnosis {
    use Diagnosis::{Corrupt, Unavailable};
    match error {
        Error::DatabaseAlreadyOpen | Error::LockProtocolMismatch => Unavailable(
            "another process has it open".to_owned(),
            "stop that process, or choose another path",
        ),
        Error::Io(error) => match error.kind() {
            ErrorKind::InvalidData | ErrorKind::UnexpectedEof => {
                Corrupt("the file is not a database of the orchestrator".to_owned())
            }
            kind => Unavailable(error.to_string(), io_remedy(kind)),
        },
        Error::TableTypeMismatch { .. } | Error::UpgradeRequired(_) => {
            Corrupt(format!("another program or version made it ({error})"))
        }
        Error::Corrupted(_) | Error::RepairAborted => Corrupt(format!("it is damaged ({error})")),
        Error::ValueTooLarge(_) => Unavailable(error.to_string(), "write less at once"),
        _ => Unavailable(error.to_string(), "see the log for what came before"),
    }
}

fn io_remedy(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            "let the user that runs the orchestrator write there, or choose another path"
        }
        ErrorKind::NotADirectory | ErrorKind::IsADirectory | ErrorKind::AlreadyExists => {
            "choose a path to a file within a directory"
        }
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "make room on that disk",
        _ => "check that disk",
    }
}

fn is_failed_disk(error: &Error) -> bool {
    matches!(error, Error::Io(_) | Error::PreviousIo)
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Duration;

    use redb::StorageBackend;

    use super::super::super::Entry;
    use super::super::reading;
    use super::*;

    /// A disk that outlives the database on it, and is full whenever a test says so.
    #[derive(Debug, Clone, Default)]
    struct Disk {
        content: Arc<InMemoryBackend>,
        full: Arc<AtomicBool>,
    }

    impl Disk {
        fn check(&self) -> io::Result<()> {
            if self.full.load(Ordering::SeqCst) {
                return Err(io::Error::from(ErrorKind::StorageFull));
            }
            Ok(())
        }
    }

    impl StorageBackend for Disk {
        fn len(&self) -> io::Result<u64> {
            self.content.len()
        }
        fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
            self.content.read(offset, out)
        }
        fn set_len(&self, len: u64) -> io::Result<()> {
            self.check()?;
            self.content.set_len(len)
        }
        fn sync_data(&self) -> io::Result<()> {
            self.check()
        }
        fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
            self.check()?;
            self.content.write(offset, data)
        }
    }

    #[test]
    fn a_store_works_on_after_its_disk_was_full() {
        let disk = Disk::default();
        let same = disk.clone();
        let open = move || Ok(Builder::new().create_with_backend(same.clone())?);
        let mut engine = Engine::open("the store".to_owned(), open).unwrap();
        let mut write = |key: &str| {
            let entry = Entry::new(key, key.to_owned(), Duration::from_mins(1));
            engine.commit(|batch| batch.put(&entry, 0))
        };

        write("before").unwrap();
        disk.full.store(true, Ordering::SeqCst);
        for _ in 0..3 {
            let error = write("during").unwrap_err();
            assert!(matches!(error, StoreError::Unavailable { .. }), "{error}");
        }
        disk.full.store(false, Ordering::SeqCst);
        write("after").unwrap();
        let mut read = |key: &str| engine.run(|db| reading::read(db, key, 1)).unwrap();
        assert_eq!(read("before").unwrap(), "before");
        assert_eq!(read("during"), None);
        assert_eq!(read("after").unwrap(), "after");
    }

    #[test]
    fn missing_permission_is_explained() {
        let refused = || Err(io::Error::from(ErrorKind::PermissionDenied).into());
        let error = Engine::open("the store".to_owned(), refused).err().unwrap();
        assert_eq!(
            error.to_string(),
            "the store is unavailable: permission denied; let the user that runs the orchestrator \
             write there, or choose another path"
        );
    }

    #[test]
    fn a_path_that_cannot_be_a_file_is_explained() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        std::fs::write(&file, "").unwrap();
        for path in [dir.path(), &file.join("store.redb")] {
            let error = Engine::file(path).err().unwrap().to_string();
            assert!(error.contains(&path.display().to_string()), "{error}");
            assert!(error.contains("choose a path to a file"), "{error}");
        }
    }

    #[test]
    fn a_database_of_another_program_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("other.redb");
        let theirs: redb::TableDefinition<u8, u8> = redb::TableDefinition::new("keys");
        let database = Database::create(&path).unwrap();
        let transaction = database.begin_write().unwrap();
        transaction
            .open_table(theirs)
            .unwrap()
            .insert(1, 2)
            .unwrap();
        transaction.commit().unwrap();
        drop(database);

        let error = Engine::file(&path).err().unwrap();
        assert!(matches!(error, StoreError::Corrupt { .. }), "{error}");
        let database = Database::create(&path).unwrap();
        assert!(
            redb::ReadableDatabase::begin_read(&database)
                .unwrap()
                .open_table(theirs)
                .is_ok()
        );
    }
}
