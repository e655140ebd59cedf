use std::cell::{Cell, OnceCell};

use super::{Fault, LifeFault, Stage};
use crate::words::{Agent, AgentContext, AgentError, LifeContext, Reply, Task};

/// One life of an agent on a [`Stage`].
#[derive(Debug)]
pub struct ScriptedAgent {
    stage: Stage,
    name: String,
    life: usize,
    fault: Cell<LifeFault>,
    own: OnceCell<LifeContext>,
}

impl ScriptedAgent {
    pub(super) fn new(stage: Stage, name: &str, life: usize, fault: LifeFault) -> Self {
        Self {
            stage,
            name: name.to_owned(),
            life,
            fault: Cell::new(fault),
            own: OnceCell::new(),
        }
    }

    fn note(&self, deed: &str) {
        self.stage.note(format!("{} {deed}", self.name));
    }

    /// Ends the life, if it was started as lives are.
    fn finish(&self) {
        if let Some(life) = self.own.get() {
            life.stop();
        }
    }

    fn panic_beside(&self) {
        if let Some(life) = self.own.get() {
            life.spawn(async {
                tokio::task::yield_now().await;
                panic!("a timer goes off");
            });
        }
    }
}

impl Agent for ScriptedAgent {
    async fn started(&mut self, life: &LifeContext) -> Result<(), AgentError> {
        // It is started once.
        let _ = self.own.set(life.clone());
        tokio::task::yield_now().await;
        match self.fault.get() {
            LifeFault::StartPanics => panic!("the start hook panics"),
            LifeFault::StartFails => return Err(AgentError::failure("the start hook fails")),
            LifeFault::StartHangs => self.stage.hang().await,
            LifeFault::StartWaits => self.stage.wait().await,
            _ => {}
        }
        self.note("started");
        Ok(())
    }

    async fn handle(&self, task: Task, _: &AgentContext) -> Result<Reply, AgentError> {
        self.stage.begin(&task.content);
        match self.stage.plan().next_task(&task.content) {
            Fault::None => {}
            Fault::Step => tokio::task::yield_now().await,
            Fault::Wait => self.stage.wait().await,
            Fault::Panic => panic!("boom"),
            Fault::StepPanic => {
                tokio::task::yield_now().await;
                panic!("boom");
            }
            Fault::WaitPanic => {
                self.stage.wait().await;
                panic!("boom");
            }
            Fault::TimerPanic => self.panic_beside(),
            Fault::DropPanic => {
                self.fault.set(LifeFault::DropPanics);
                self.finish();
            }
            Fault::Fail => return Err(AgentError::failure("out of order")),
            Fault::Refuse => return Err(AgentError::user("no such thing")),
            Fault::Fatal => return Err(AgentError::fatal("spoilt")),
            Fault::Finish => self.finish(),
            Fault::Hang => self.stage.hang().await,
            Fault::Block(span) => self.stage.block(span),
            Fault::EndThread => {
                actix_rt::Arbiter::current().stop();
                self.stage.hang().await;
            }
        }
        Ok(Reply::text(task.content).with("life", self.life))
    }

    async fn stopped(&self) {
        self.note("stopped");
        match self.fault.get() {
            LifeFault::StopPanics => panic!("the stop hook panics"),
            LifeFault::StopHangs => self.stage.hang().await,
            _ => {}
        }
    }
}

impl Drop for ScriptedAgent {
    fn drop(&mut self) {
        self.note("dropped");
        let planned = self.fault.get() == LifeFault::DropPanics;
        assert!(!planned || std::thread::panicking(), "dropping panics");
    }
}
