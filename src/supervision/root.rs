//! The root of the supervisors: one below it for each group of agents, and for each agent that
//! has none.
//!
//! It is the only one that changes who there is, and the last instance: when it cannot keep a
//! supervisor alive, nothing is supervised any more, and everybody is told.

mod branch;
mod care;
mod commands;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, ActorFutureExt, Addr, AsyncContext, Context, Handler, WrapFuture};
use actix_rt::ArbiterHandle;
use log::error;

use super::agent_spec::AgentSpec;
use super::birth::Patience;
use super::clock::Clock;
use super::registry::{Origin, Registry};
use super::supervisor::{Drain, Kit, ThreadReplaced};
use super::threads::AgentThreads;
use super::watch::{Watch, WatchConfig};
use crate::judgement::{BreakerConfig, Counted, Ended, Intensity, Life, OnGiveUp};
use crate::judgement::{RestartPolicy, RestartStrategy, SupervisorConfig};
use crate::words::{AgentName, Consequence, ExitReason, LifeEvent};

use branch::Branch;
pub(super) use branch::{SupervisorEnded, SupervisorGuard};
pub use commands::RegistryError;
pub(crate) use commands::{Dismiss, Enlist, Operate, Operation, Scale, Shutdown};

/// What holds for all agents that do not say otherwise.
#[derive(Debug, Clone)]
pub struct HouseRules {
    /// When breakers open.
    pub breaker: BreakerConfig,
    /// How agents are kept alive, and how the root keeps their supervisors alive.
    pub supervisor: SupervisorConfig,
    /// How agents of these groups are kept alive.
    pub groups: HashMap<String, SupervisorConfig>,
    /// How long agents may take to start.
    pub start_timeout: Duration,
    /// How long agents may take to finish when they are told to stop, and to take leave.
    pub shutdown_timeout: Duration,
    /// How long an agent may block a thread that it shares.
    pub stall_timeout: Duration,
    /// How many threads may be lost to agents that block them, before such agents are stopped.
    pub max_leaked_threads: usize,
    /// The time by which supervisors work.
    pub clock: Clock,
}

impl HouseRules {
    /// How the agents of that group are kept alive.
    #[must_use]
    pub fn supervisor_of(&self, group: Option<&str>) -> SupervisorConfig {
        let of_group = group.and_then(|group| self.groups.get(group));
        *of_group.unwrap_or(&self.supervisor)
    }
}

impl Default for HouseRules {
    fn default() -> Self {
        Self {
            breaker: BreakerConfig::default(),
            supervisor: SupervisorConfig::default(),
            groups: HashMap::new(),
            start_timeout: Duration::from_mins(1),
            shutdown_timeout: Duration::from_secs(5),
            stall_timeout: Duration::from_secs(5),
            max_leaked_threads: 8,
            clock: Clock::system(),
        }
    }
}

pub(crate) struct Root {
    rules: HouseRules,
    kit: Kit,
    branches: Vec<Branch>,
    /// How many branches there have been.
    founded: u64,
    /// How to make more instances of an agent.
    specs: HashMap<AgentName, AgentSpec>,
    intensity: Intensity,
    guard: RootGuard,
}

/// Says that all is lost when the root is, whatever the cause.
struct RootGuard {
    registry: Registry,
    armed: bool,
}

impl Drop for RootGuard {
    fn drop(&mut self) {
        if self.armed {
            self.registry.lose("the root of the supervisors was lost");
        }
    }
}

impl Root {
    /// Starts the root and the watch over the threads on the thread `control`, without any agents.
    pub(crate) fn start_on(
        control: &ArbiterHandle,
        rules: HouseRules,
        threads: AgentThreads,
    ) -> (Addr<Self>, Registry) {
        let registry = Registry::new(threads);
        let watch = WatchConfig {
            start: rules.start_timeout,
            stall: rules.stall_timeout,
            most_leaked: rules.max_leaked_threads,
        };
        let root = Self::new(rules, registry.clone());
        let root = Self::start_in_arbiter(control, |_| root);
        let watch = Watch::new(watch, registry.clone(), root.clone());
        Watch::start_in_arbiter(control, |_| watch);
        (root, registry)
    }

    fn new(rules: HouseRules, registry: Registry) -> Self {
        let patience = Patience {
            start: rules.start_timeout,
            leave: rules.shutdown_timeout,
        };
        Self {
            kit: Kit {
                threads: registry.threads().clone(),
                events: registry.events().clone(),
                clock: rules.clock.clone(),
                patience,
                registry: registry.clone(),
            },
            rules,
            branches: Vec::new(),
            founded: 0,
            specs: HashMap::new(),
            intensity: Intensity::default(),
            guard: RootGuard {
                registry,
                armed: true,
            },
        }
    }

    /// How the root keeps its supervisors alive: as in OTP.
    fn own_config(&self) -> SupervisorConfig {
        SupervisorConfig {
            strategy: RestartStrategy::OneForOne,
            count: Counted::All,
            on_give_up: OnGiveUp::Escalate,
            ..self.rules.supervisor
        }
    }

    /// What follows the end of a supervisor.
    fn decide(&mut self, branch: usize) -> Consequence {
        let (config, now) = (self.own_config(), self.kit.clock.now());
        let branch = &mut self.branches[branch];
        let life = Life {
            reason: ExitReason::Fatal("its supervisor gave up".to_owned()),
            jobs: 0,
            lasted: now.saturating_duration_since(branch.born),
        };
        let ended = Ended {
            child: branch.id,
            policy: RestartPolicy::Permanent,
            life: &life,
            history: &mut branch.history,
        };
        config.decide(ended, &mut self.intensity, now, fastrand::f64())
    }

    /// Nothing can be kept alive any more: whoever waits is told.
    fn fall(&mut self, name: &str) {
        let reason = format!(
            "the supervisor of `{name}` ended more than {} times within {} s \
             (supervision.max_restarts, window), and the root of all supervisors with it; \
             `on_give_up: stop` gives up agents instead of supervisors",
            self.rules.supervisor.max_restarts,
            self.rules.supervisor.window.as_secs_f64()
        );
        error!("{reason}");
        for branch in self.branches.iter().rev() {
            branch.supervisor.do_send(Drain(Duration::ZERO));
            branch.close();
        }
        self.kit.registry.touch();
        self.guard.registry.lose(&reason);
    }
}

impl Actor for Root {
    type Context = Context<Self>;
}

impl Handler<SupervisorEnded> for Root {
    type Result = ();

    fn handle(&mut self, ended: SupervisorEnded, ctx: &mut Self::Context) {
        if self.is_ending() {
            return;
        }
        let mut branches = self.branches.iter();
        let Some(at) = branches.position(|it| (it.id, it.epoch) == (ended.branch, ended.epoch))
        else {
            return;
        };
        if self.branches[at].charges.is_empty() {
            self.branches.remove(at);
            return;
        }
        let name = Arc::clone(&self.branches[at].name);
        self.kit.events.tell(LifeEvent::Escalated {
            supervisor: Arc::clone(&name),
        });
        match self.decide(at) {
            Consequence::Restart { after } => {
                error!("the supervisor of `{name}` {ended}; it is started anew in {after:?}");
                let (clock, due) = (self.kit.clock.clone(), self.kit.clock.now() + after);
                let pause = async move { clock.sleep_until(due).await }.into_actor(self);
                ctx.spawn(pause.map(move |(), root, ctx| root.revive(ended.branch, ctx)));
            }
            _ => self.fall(&name),
        }
    }
}

impl Handler<ThreadReplaced> for Root {
    type Result = ();

    fn handle(&mut self, replaced: ThreadReplaced, _: &mut Self::Context) {
        for branch in &self.branches {
            branch.supervisor.do_send(replaced);
        }
    }
}

impl Root {
    fn revive(&mut self, id: u64, ctx: &mut Context<Self>) {
        if self.is_ending() {
            return;
        }
        // Those that it had may have been removed meanwhile.
        self.branches
            .retain(|branch| branch.id != id || !branch.charges.is_empty());
        let (kit, root) = (self.kit.clone(), ctx.address().recipient());
        if let Some(branch) = self.branches.iter_mut().find(|branch| branch.id == id) {
            branch.revive(kit, root);
        }
    }

    /// Whether all agents were told to end.
    fn is_ending(&self) -> bool {
        !self.guard.armed
    }
}
