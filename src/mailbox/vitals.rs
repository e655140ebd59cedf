use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde::Serialize;

use crate::words::Generation;

/// Where an instance is in its life, as it is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum InstanceState {
    /// Its first life has not begun yet.
    #[default]
    Starting,
    /// It works.
    Healthy,
    /// A life has ended, the next has not begun; its queue takes work meanwhile.
    Restarting,
    /// An operator lets no new work in; what was accepted is done.
    Paused,
    /// It takes no more work and finishes what it has.
    Draining,
    /// It has no life: it has ended for good, or is given up and left alone for a while.
    Stopped,
}

impl InstanceState {
    const ALL: [Self; 6] = [
        Self::Starting,
        Self::Healthy,
        Self::Restarting,
        Self::Paused,
        Self::Draining,
        Self::Stopped,
    ];

    /// The state of that number, in the order in which they are declared.
    fn of_number(number: u8) -> Self {
        Self::ALL[usize::from(number) % Self::ALL.len()]
    }

    /// Whether it serves its queue, or will without anybody's help.
    pub(super) fn is_at_work(self) -> bool {
        matches!(self, Self::Starting | Self::Healthy | Self::Restarting)
    }
}

/// What the last look at an agent found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Health {
    /// Nobody has looked yet.
    #[default]
    Unknown,
    /// It says that it is well.
    Well,
    /// It is not well, and why.
    Unwell(String),
}

/// How an instance is.
#[derive(Debug, Clone, Default)]
pub struct Vitals {
    /// Where it is in its life.
    pub state: InstanceState,
    /// Which of its lives it is in, or was in last.
    pub generation: Generation,
    /// When its present life began to take work; `None` between two lives.
    pub alive_since: Option<Instant>,
    /// When it will be started again, where that is known.
    pub resumes_at: Option<Instant>,
    /// How often it was started again.
    pub restarts: u64,
    /// The last thing that went wrong in its life.
    pub last_error: Option<String>,
    /// What the last health check found.
    pub health: Health,
    /// When the last health check was done.
    pub checked_at: Option<Timestamp>,
    /// How long the last health check took.
    pub check_took: Option<Duration>,
}

impl Vitals {
    /// Whether it can be expected to answer; otherwise why not.
    ///
    /// # Errors
    /// The reason, for people.
    pub fn verdict(&self) -> Result<(), String> {
        match (self.state, &self.health) {
            (InstanceState::Healthy, Health::Well | Health::Unknown) => Ok(()),
            (InstanceState::Healthy, Health::Unwell(reason)) => Err(reason.clone()),
            (state, _) => match &self.last_error {
                Some(error) => Err(format!("{state}: {error}")),
                None => Err(state.to_string()),
            },
        }
    }
}

/// The vitals, and beside them what balancers look at, for which no lock is taken.
#[derive(Debug, Default)]
pub(super) struct VitalsCell {
    vitals: Mutex<Vitals>,
    notice: AtomicU8,
}

/// The vitals while they are changed.
pub(crate) struct VitalsMut<'a> {
    vitals: MutexGuard<'a, Vitals>,
    notice: &'a AtomicU8,
}

const UNWELL: u8 = 1;

impl VitalsCell {
    pub(super) fn change(&self) -> VitalsMut<'_> {
        VitalsMut {
            vitals: self.lock(),
            notice: &self.notice,
        }
    }

    pub(super) fn read(&self) -> Vitals {
        self.lock().clone()
    }

    pub(super) fn state(&self) -> InstanceState {
        InstanceState::of_number(self.notice.load(Ordering::Acquire) >> 1)
    }

    pub(super) fn is_unwell(&self) -> bool {
        self.notice.load(Ordering::Acquire) & UNWELL != 0
    }

    fn lock(&self) -> MutexGuard<'_, Vitals> {
        // Nothing panics while the lock is held, and no await happens under it.
        self.vitals.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Deref for VitalsMut<'_> {
    type Target = Vitals;

    fn deref(&self) -> &Vitals {
        &self.vitals
    }
}

impl DerefMut for VitalsMut<'_> {
    fn deref_mut(&mut self) -> &mut Vitals {
        &mut self.vitals
    }
}

impl Drop for VitalsMut<'_> {
    fn drop(&mut self) {
        let unwell = u8::from(matches!(self.vitals.health, Health::Unwell(_)));
        let notice = (self.vitals.state as u8) << 1 | unwell;
        self.notice.store(notice, Ordering::Release);
    }
}

impl fmt::Display for InstanceState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Starting => "starting",
            Self::Healthy => "healthy",
            Self::Restarting => "restarting",
            Self::Paused => "paused",
            Self::Draining => "draining",
            Self::Stopped => "stopped",
        })
    }
}
