use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use actix::{Actor, Addr, Message, Recipient};

use crate::judgement::{History, SupervisorConfig};
use crate::supervision::supervisor::{Charge, Kit, Supervisor};

/// A supervisor below the root, and what it is there for. It survives its actors.
pub(super) struct Branch {
    pub id: u64,
    /// The group, or the agent that has a supervisor of its own.
    pub name: Arc<str>,
    /// Whether agents of that group may join.
    pub is_group: bool,
    /// Once there are none, there will be none: its supervisor ends with the last.
    pub charges: Vec<Charge>,
    pub supervisor: Addr<Supervisor>,
    pub epoch: u64,
    pub history: History,
    pub born: Instant,
    config: SupervisorConfig,
}

/// What a branch is called, and how it is run.
pub(super) struct Charter {
    pub id: u64,
    pub name: Arc<str>,
    pub is_group: bool,
    pub config: SupervisorConfig,
}

impl Branch {
    pub(super) fn start(charter: Charter, kit: Kit, to: Recipient<SupervisorEnded>) -> Self {
        let born = kit.clock.now();
        let guard = SupervisorGuard::new(charter.id, 0, to);
        let supervisor = Supervisor::new(Vec::new(), charter.config, kit, guard);
        Self {
            id: charter.id,
            name: charter.name,
            is_group: charter.is_group,
            charges: Vec::new(),
            supervisor: supervisor.start(),
            epoch: 0,
            history: History::default(),
            born,
            config: charter.config,
        }
    }

    /// Starts another supervisor over the same instances.
    pub(super) fn revive(&mut self, kit: Kit, to: Recipient<SupervisorEnded>) {
        self.epoch += 1;
        self.born = kit.clock.now();
        let guard = SupervisorGuard::new(self.id, self.epoch, to);
        let supervisor = Supervisor::new(self.charges.clone(), self.config, kit, guard);
        self.supervisor = supervisor.start();
    }

    /// Whether that instance is one of its own.
    pub(super) fn cares_for(&self, child: u64) -> bool {
        let mut charges = self.charges.iter();
        charges.any(|charge| charge.mailbox.serial() == child)
    }

    /// Lets no work in any more, and tells those who wait.
    pub(super) fn close(&self) {
        for charge in self.charges.iter().rev() {
            charge.mailbox.close();
        }
    }
}

/// The news that a supervisor has ended, for whatever reason but the end of everything.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(in crate::supervision) struct SupervisorEnded {
    pub branch: u64,
    pub epoch: u64,
    how: How,
}

#[derive(Debug, Clone, Copy)]
enum How {
    GaveUp,
    Deserted,
    Lost,
}

impl fmt::Display for SupervisorEnded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.how {
            How::GaveUp => "could not keep its agents alive",
            How::Deserted => "has no agents any more",
            How::Lost => "was lost",
        })
    }
}

/// Tells the root that a supervisor has ended, by being dropped, whatever the cause.
pub(in crate::supervision) struct SupervisorGuard {
    branch: u64,
    epoch: u64,
    how: Option<How>,
    to: Recipient<SupervisorEnded>,
}

impl SupervisorGuard {
    fn new(branch: u64, epoch: u64, to: Recipient<SupervisorEnded>) -> Self {
        Self {
            branch,
            epoch,
            how: Some(How::Lost),
            to,
        }
    }

    /// It ends because it could not keep its children alive.
    pub(in crate::supervision) fn escalate(&mut self) {
        self.how = Some(How::GaveUp);
    }

    /// It ends because it has no children any more.
    pub(in crate::supervision) fn desert(&mut self) {
        self.how = Some(How::Deserted);
    }

    /// It may end: it was told to.
    pub(in crate::supervision) fn disarm(&mut self) {
        self.how = None;
    }
}

impl Drop for SupervisorGuard {
    fn drop(&mut self) {
        if let Some(how) = self.how {
            self.to.do_send(SupervisorEnded {
                branch: self.branch,
                epoch: self.epoch,
                how,
            });
        }
    }
}
