use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How work on a task goes wrong, or on.
///
/// Each has a word, so that a test can also say it in the task's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// `say`, or any other word: none, it is answered at once.
    None,
    /// `step`: none, it is answered after an await.
    Step,
    /// `wait`: none, it is answered once it is [let go on](super::Stage::let_go).
    Wait,
    /// `boom`: the agent panics at once.
    Panic,
    /// `step_boom`: the agent panics after an await.
    StepPanic,
    /// `wait_boom`: the agent panics once it is let go on.
    WaitPanic,
    /// `timer_boom`: it is answered, and a task beside the agent panics.
    TimerPanic,
    /// `drop_boom`: it is answered, and the agent ends and panics when it is dropped.
    DropPanic,
    /// `fail`: the agent fails.
    Fail,
    /// `refuse`: the agent says that the question is at fault.
    Refuse,
    /// `fatal`: the agent gives itself up.
    Fatal,
    /// `finish`: it is answered, and the agent has nothing left to do.
    Finish,
    /// `hang`: it is never answered.
    Hang,
    /// `block`: the agent blocks its thread until it is [unblocked](super::Stage::unblock);
    /// `block 300` for so many milliseconds.
    Block(Option<Duration>),
    /// `end_thread`: the thread of the agent ends, and the work with it.
    EndThread,
}

impl Fault {
    /// The fault that the first words of a text name.
    #[must_use]
    pub fn named(text: &str) -> Self {
        let mut words = text.split(' ');
        match words.next().unwrap_or_default() {
            "step" => Self::Step,
            "wait" => Self::Wait,
            "boom" => Self::Panic,
            "step_boom" => Self::StepPanic,
            "wait_boom" => Self::WaitPanic,
            "timer_boom" => Self::TimerPanic,
            "drop_boom" => Self::DropPanic,
            "fail" => Self::Fail,
            "refuse" => Self::Refuse,
            "fatal" => Self::Fatal,
            "finish" => Self::Finish,
            "hang" => Self::Hang,
            "block" => {
                let span = words.next().and_then(|word| word.parse().ok());
                Self::Block(span.map(Duration::from_millis))
            }
            "end_thread" => Self::EndThread,
            _ => Self::None,
        }
    }
}

/// How a life goes wrong apart from its tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LifeFault {
    /// It does not.
    None,
    /// The factory panics.
    FactoryPanics,
    /// The start hook panics, after an await.
    StartPanics,
    /// The start hook fails.
    StartFails,
    /// The start hook never comes to an end.
    StartHangs,
    /// The start hook waits to be [let go on](super::Stage::let_go).
    StartWaits,
    /// The stop hook panics.
    StopPanics,
    /// The stop hook never comes to an end.
    StopHangs,
    /// The agent panics when it is dropped.
    DropPanics,
}

/// What goes wrong, in order: with one task, or one life, after the other. Whatever comes after
/// the end of the plan goes as the task says, and well.
///
/// ```
/// use agent_orchestrator::testkit::{Fault, LifeFault, Stage};
///
/// let stage = Stage::new();
/// stage.plan().lives([LifeFault::StartFails, LifeFault::None]).tasks([Fault::None, Fault::Panic]);
/// ```
#[derive(Debug, Clone, Default)]
pub struct FaultPlan {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    lives: VecDeque<LifeFault>,
    tasks: VecDeque<Fault>,
}

impl FaultPlan {
    /// Plans how the next lives go.
    pub fn lives(&self, faults: impl IntoIterator<Item = LifeFault>) -> &Self {
        self.lock().lives.extend(faults);
        self
    }

    /// Plans how work on the next tasks goes, whatever they say.
    pub fn tasks(&self, faults: impl IntoIterator<Item = Fault>) -> &Self {
        self.lock().tasks.extend(faults);
        self
    }

    pub(super) fn next_life(&self) -> LifeFault {
        let planned = self.lock().lives.pop_front();
        planned.unwrap_or(LifeFault::None)
    }

    pub(super) fn next_task(&self, text: &str) -> Fault {
        let planned = self.lock().tasks.pop_front();
        planned.unwrap_or_else(|| Fault::named(text))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
