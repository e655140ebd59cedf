//! What supervision costs, and what it saves: our mailbox beside plain actix, ractor and kameo.
//!
//! Two kinds of tables. *Round trip*: to ask one agent and get its answer. *Crashes*: what becomes
//! of many requests when some of them make the agent panic, and for how long it is away then.
//!
//! It is fair because each system carries the same: a [`Task`] in, a `Result<Reply, AgentError>`
//! out, answered by the same function, asked from the same thread by the same loop, with one task
//! of the runtime for each request that is outstanding. Agents that are asked across threads have
//! a thread with a current-thread runtime of their own, and each thread has its core: to wake up
//! a thread costs several times more on another core, and where the kernel would put the threads
//! is a matter of luck that lasts for a whole run. The systems take turns in one process, and
//! a ratio is taken within a round, so that a machine whose speed changes does not matter. Ours
//! does more in that time than the others: it makes the context of a request, keeps a deadline,
//! bounds the queue, asks a breaker and remembers how long it took.
//!
//! A request whose message a system hands back unread is asked again. It is lost when a system has
//! taken it and says that no answer will come, and never told when the system does not even say
//! that.
//!
//! `--quick` does a tenth of everything.

mod absence;
mod actix_side;
mod crashes;
mod kameo_side;
mod ours;
mod ractor_side;
mod round_trip;

use std::fmt;
use std::sync::LazyLock;

use agent_orchestrator::{AgentError, Reply, Task};
use core_affinity::CoreId;

use crate::ours::Ours;

/// As in the binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The question that makes an agent panic, and the payload of the panic.
const POISON: &str = "poison";

/// A system with one agent in it.
trait System: Clone + 'static {
    /// Asks the agent once.
    async fn ask(&self, task: Task) -> Heard;
}

/// What a caller hears: the agent's answer, or that there is none.
type Heard = Result<Result<Reply, AgentError>, Unanswered>;

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unanswered {
    /// The agent has not seen the request, which may be made again.
    HandedBack,
    /// The request was taken, and its answer will never come.
    Lost,
}

/// The agent, the same in all systems.
#[expect(clippy::unnecessary_wraps, reason = "agents may fail")]
fn answer(task: Task) -> Result<Reply, AgentError> {
    if task.content == POISON {
        absence::begins();
        std::panic::panic_any(POISON);
    }
    absence::ends();
    Ok(Reply::text(task.content))
}

/// The core of a thread.
#[derive(Debug, Clone, Copy)]
enum Core {
    /// That of the callers.
    Same,
    Other,
}

impl fmt::Display for Core {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Same => "the same core",
            Self::Other => "another core",
        })
    }
}

impl Core {
    /// Keeps this thread on it. A machine that has only one core, or does not let a thread choose,
    /// puts it where it likes.
    fn pin(self) {
        // Once only: a thread that is kept on one core sees no other.
        static CORES: LazyLock<Vec<CoreId>> =
            LazyLock::new(|| core_affinity::get_core_ids().unwrap_or_default());
        if let Some(core) = CORES.get(self as usize) {
            core_affinity::set_for_current(*core);
        }
    }
}

/// Starts something on a thread with a runtime of its own, which lives as long as the process.
fn on_own_thread<T: Send + 'static>(
    core: Core,
    start: impl Future<Output = T> + Send + 'static,
) -> T {
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        core.pin();
        let mut builder = tokio::runtime::Builder::new_current_thread();
        let runtime = builder.enable_all().build().expect("there is memory");
        runtime.block_on(async move {
            tell.send(start.await).expect("somebody waits for it");
            std::future::pending::<()>().await;
        });
    });
    told.recv().expect("it is told before anything can end")
}

/// Panics that are meant to happen are not shown.
fn hide_poison() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if panic.payload().downcast_ref() != Some(&POISON) {
            usual(panic);
        }
    }));
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

fn main() {
    let quick = std::env::args().any(|argument| argument == "--quick");
    let share = if quick { 10 } else { 1 };
    hide_poison();
    actix_rt::System::new().block_on(async {
        let ours = [
            Ours::start(Core::Same).await,
            Ours::start(Core::Other).await,
        ];
        Core::Same.pin();
        round_trip::table(&ours, 10_000 / share).await;
        crashes::tables(&ours, 200_000 / share, 2_000 / share).await;
    });
}
