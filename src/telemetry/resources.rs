use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;
use sysinfo::{Disks, Pid, ProcessRefreshKind, ProcessesToUpdate, System};

/// What the machine has, and what this process takes of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Resources {
    /// Share of all cores that was busy since the last look, 0 to 100.
    pub cpu_percent: f32,
    /// Memory that is in use, by anybody.
    pub memory_used_bytes: u64,
    /// Memory that there is.
    pub memory_total_bytes: u64,
    /// Memory that this process holds.
    pub process_memory_bytes: u64,
    /// Room on the disk that holds the state; `None` where that cannot be told.
    pub disk_free_bytes: Option<u64>,
    /// Files and sockets that this process has open; `None` where that cannot be told.
    pub open_files: Option<usize>,
}

/// Reads [`Resources`]; cheap to clone.
#[derive(Debug, Clone)]
pub struct ResourceGauge {
    /// `None` on a platform that cannot be read.
    system: Option<Arc<Mutex<System>>>,
    place: PathBuf,
}

impl ResourceGauge {
    /// A gauge for the disk that holds `place`. Processor time is counted from now on.
    #[must_use]
    pub fn new(place: &Path) -> Self {
        let system = System::new().ok().map(|mut system| {
            system.refresh_cpu_usage();
            Arc::new(Mutex::new(system))
        });
        Self {
            system,
            place: place.canonicalize().unwrap_or_else(|_| place.to_owned()),
        }
    }

    /// Reads everything; `None` on a platform that cannot be read. It takes a few milliseconds,
    /// so not on a thread that must not wait.
    #[must_use]
    pub fn read(&self) -> Option<Resources> {
        // Nothing panics while the lock is held, and no await happens under it.
        let mut system = self
            .system
            .as_ref()?
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        system.refresh_cpu_usage();
        system.refresh_memory();
        let pid = Pid::from_u32(std::process::id());
        let wanted = ProcessRefreshKind::nothing().with_memory();
        system.refresh_processes_specifics(ProcessesToUpdate::Some(&[pid]), true, wanted);
        let process = system.process(pid);
        Some(Resources {
            cpu_percent: system.global_cpu_usage(),
            memory_used_bytes: system.used_memory(),
            memory_total_bytes: system.total_memory(),
            process_memory_bytes: process.map_or(0, sysinfo::Process::memory),
            disk_free_bytes: disk_free(&self.place),
            open_files: process.and_then(sysinfo::Process::open_files),
        })
    }
}

/// Free room on the disk whose mount point is nearest above the place.
fn disk_free(place: &Path) -> Option<u64> {
    let disks = Disks::new_with_refreshed_list().ok()?;
    let above = disks
        .iter()
        .filter(|disk| place.starts_with(disk.mount_point()));
    above
        .max_by_key(|disk| disk.mount_point().components().count())
        .map(sysinfo::Disk::available_space)
}
