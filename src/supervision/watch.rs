//! The watch over the threads of the agents, on a thread that no agent can block.
//!
//! It sees two kinds of hanging. A job that is worked on for longer than its agent's jobs may
//! take is taken away: its caller is answered, and its work is dropped as soon as its thread comes
//! to that. A thread that does not come to anything is blocked: it is left behind, whoever lived
//! there gets a new life on another, and the thread is counted as lost until it comes free.
//!
//! Time is counted in looks, and not by the clock: when the machine is so busy that the watch
//! itself is late, nobody else is blamed for being late.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::{Actor, Addr, AsyncContext, Context};
use actix_rt::Arbiter;
use log::{error, info, warn};

use super::pulse::Mark;
use super::registry::Registry;
use super::root::Root;
use super::supervisor::ThreadReplaced;
use super::threads::{AgentThread, Place};
use crate::mailbox::Mailbox;
use crate::words::LifeEvent;

/// How often it looks.
const LOOK: Duration = Duration::from_millis(20);

/// A thread in nobody's code is pinged only at every so manieth look, so that an idle house rests.
const IDLE_LOOKS: u32 = 25;

/// A thread that has missed so many looks does not answer.
const MISSED: u32 = 2;

/// What the watch puts up with.
#[derive(Debug, Clone, Copy)]
pub(super) struct WatchConfig {
    /// How long an agent may take to start.
    pub start: Duration,
    /// How long an agent may block a thread that it shares.
    pub stall: Duration,
    /// How many threads may be lost before agents that block them are stopped.
    pub most_leaked: usize,
}

/// A thread that does not answer.
struct Silent {
    place: Place,
    thread: AgentThread,
    /// Whose code it is in, as far as that is known.
    mark: Option<Mark>,
    /// For how long it has not answered.
    since: Duration,
}

/// See the [module's documentation](self).
pub(super) struct Watch {
    config: WatchConfig,
    registry: Registry,
    root: Addr<Root>,
    looks: u32,
    last_look: Instant,
    /// How many looks each thread has missed.
    missed: HashMap<u64, u32>,
    lost: Vec<AgentThread>,
    /// Whether the system gives no threads for those that are blocked.
    starved: bool,
}

impl Watch {
    pub(super) fn new(config: WatchConfig, registry: Registry, root: Addr<Root>) -> Self {
        Self {
            config,
            registry,
            root,
            looks: 0,
            last_look: Instant::now(),
            missed: HashMap::new(),
            lost: Vec::new(),
            starved: false,
        }
    }

    fn look(&mut self) {
        self.looks = self.looks.wrapping_add(1);
        let now = Instant::now();
        let span = now.saturating_duration_since(self.last_look);
        self.last_look = now;
        let threads = self.registry.threads().all().into_iter();
        let mut silent: Vec<Silent> = Vec::new();
        for (place, thread) in threads {
            let missed = self.ping(&thread);
            if missed >= MISSED {
                let (mark, since) = (thread.pulse.mark(), LOOK * missed);
                silent.push(Silent {
                    place,
                    thread,
                    mark,
                    since,
                });
            }
        }
        self.hold(&silent, span);
        for silent in silent {
            if self.is_too_long(&silent, now) {
                self.leave_behind(silent);
            }
        }
        self.registry.for_each_mailbox(|mailbox| {
            if mailbox.load().taken() > 0 {
                mailbox.expire(now);
            }
        });
        self.welcome_back();
    }

    /// For jobs that wait for a thread that somebody else blocks time stands still.
    fn hold(&self, silent: &[Silent], span: Duration) {
        let blocked = silent.iter().map(|it| (it.thread.serial(), it.mark));
        let lost = self.lost.iter().map(|it| (it.serial(), None));
        let blocked: Vec<(u64, Option<Mark>)> = blocked.chain(lost).collect();
        self.registry.for_each_mailbox(|mailbox| {
            if mailbox.load().taken() == 0 {
                return;
            }
            for (thread, mark) in &blocked {
                let own = mark.filter(|mark| mark.instance == mailbox.serial());
                mailbox.hold_jobs(*thread, own.map_or(0, |mark| mark.job), span);
            }
        });
    }

    /// Pings a thread that answered; how many looks it has missed otherwise.
    fn ping(&mut self, thread: &AgentThread) -> u32 {
        if !thread.pulse.has_answered() {
            let missed = self.missed.entry(thread.serial()).or_default();
            *missed += 1;
            return *missed;
        }
        self.missed.remove(&thread.serial());
        if thread.pulse.mark().is_some() || self.looks.is_multiple_of(IDLE_LOOKS) {
            thread.handle.spawn_fn(thread.pulse.ping());
        }
        0
    }

    /// Whether a thread that is silent is to be given up.
    fn is_too_long(&self, silent: &Silent, now: Instant) -> bool {
        let shared = self.registry.threads().is_shared(silent.place);
        let stalled = shared && silent.since >= self.config.stall;
        let Some(mark) = silent.mark else {
            return stalled;
        };
        let Some(mailbox) = self.mailbox(mark.instance) else {
            return stalled;
        };
        let overdue = match mailbox.capacity().job_timeout {
            _ if mark.job == 0 => silent.since >= self.config.start,
            None => false,
            // One whose caller has left, or had less time than that, is known no longer.
            Some(limit) => mailbox.age_of_job(mark.job, now).unwrap_or(silent.since) >= limit,
        };
        stalled || overdue
    }

    fn leave_behind(&mut self, silent: Silent) {
        let Silent {
            place,
            thread,
            mark,
            ..
        } = silent;
        let culprit = mark.and_then(|mark| self.mailbox(mark.instance));
        if let (Some(mailbox), Some(mark)) = (&culprit, mark) {
            mailbox.expire_job(mark.job);
        }
        let replaced = self.registry.threads().replace(place, thread.serial());
        if self.is_starved(replaced.as_ref().err()) || !replaced.unwrap_or_default() {
            return;
        }
        self.missed.remove(&thread.serial());
        let replaced = ThreadReplaced {
            thread: thread.serial(),
            culprit: culprit.as_ref().map(|mailbox| mailbox.serial()),
            ban: self.lost.len() >= self.config.most_leaked,
        };
        self.lost.push(thread);
        let blamed = culprit.map_or_else(
            || "a task that one of the agents there has spawned".to_owned(),
            |mailbox| format!("agent {}", mailbox.instance()),
        );
        let leaked = self.count();
        warn!("{blamed} blocks its thread, which is left behind; threads lost by now: {leaked}");
        if replaced.ban {
            let most = self.config.most_leaked;
            let whoever = replaced
                .culprit
                .map_or("all who lived there are", |_| "it is");
            error!(
                "more than {most} threads are lost (supervision.max_leaked_threads), the last to \
                 {blamed}: {whoever} stopped until somebody restarts them; agents that block \
                 belong on threads of their own (blocking: true)"
            );
        }
        self.registry
            .events()
            .tell(LifeEvent::ThreadLeaked { leaked });
        self.root.do_send(replaced);
    }

    /// Ends the lost threads that have come free, once whatever goes on there is done.
    fn welcome_back(&mut self) {
        let (back, lost): (Vec<_>, Vec<_>) = std::mem::take(&mut self.lost)
            .into_iter()
            .partition(|thread| thread.pulse.has_answered());
        self.lost = lost;
        for thread in back {
            let leaked = self.count();
            info!("a thread that was lost has come free; threads lost by now: {leaked}");
            let pulse = Arc::clone(&thread.pulse);
            thread.handle.spawn(async move {
                while pulse.tenants() > 0 {
                    tokio::time::sleep(LOOK).await;
                }
                Arbiter::current().stop();
            });
            self.registry
                .events()
                .tell(LifeEvent::ThreadRecovered { leaked });
        }
    }

    /// Whether there is no thread to go on with; said once, and tried again at each look.
    fn is_starved(&mut self, cause: Option<&std::io::Error>) -> bool {
        let was_starved = std::mem::replace(&mut self.starved, cause.is_some());
        if let Some(cause) = cause.filter(|_| !was_starved) {
            error!("no thread can be started in place of one that is blocked: {cause}");
        }
        self.starved
    }

    /// Publishes how many threads are lost.
    fn count(&self) -> usize {
        self.registry.set_leaked(self.lost.len());
        self.lost.len()
    }

    fn mailbox(&self, serial: u64) -> Option<Arc<Mailbox>> {
        let mut found = None;
        self.registry.for_each_mailbox(|mailbox| {
            if mailbox.serial() == serial {
                found = Some(Arc::clone(mailbox));
            }
        });
        found
    }
}

impl Drop for Watch {
    /// Without it nobody would ever be told that the time is up.
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.registry
                .lose("the watch over the threads of the agents was lost");
        }
    }
}

impl Actor for Watch {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        watch(ctx);
    }
}

/// Looks, and looks again a while after that; unlike an interval it never catches up.
fn watch(ctx: &mut Context<Watch>) {
    ctx.run_later(LOOK, |own, ctx| {
        own.look();
        watch(ctx);
    });
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;
    use crate::supervision::{AgentThreads, HouseRules};

    #[actix_web::test]
    async fn when_the_watch_is_lost_everybody_hears_of_it() {
        let control = Arbiter::current();
        let threads = AgentThreads::start(1).unwrap();
        let (root, registry) = Root::start_on(&control, HouseRules::default(), threads);
        let config = WatchConfig {
            start: LOOK,
            stall: LOOK,
            most_leaked: 0,
        };
        let watch = Watch::new(config, registry.clone(), root);
        let lost = catch_unwind(AssertUnwindSafe(move || {
            let _watch = watch;
            panic!("the watch panics");
        }));
        assert!(lost.is_err());
        assert!(registry.loss().unwrap().contains("the watch"));
    }
}
