//! The agents: every kind, under every strategy.

use std::time::Duration;

use actix::{Actor, ActorContext, AsyncContext, Context, Handler};
use agent_orchestrator::judgement::BackoffConfig;
use agent_orchestrator::prelude::*;
use agent_orchestrator::testkit::{LifeFault, Stage};
use agent_orchestrator::{Ask, Orchestrator, RestartStrategy, SupervisorConfig, http};

use crate::callers::Tally;

/// How long a job may take, far longer than any that is well.
const JOB: Duration = Duration::from_millis(400);

/// What can be asked of the agents of a kind.
pub(crate) struct Kind {
    pub name: &'static str,
    pub faults: &'static [&'static str],
}

/// Each of these under each strategy.
pub(crate) const KINDS: &[Kind] = &[
    Kind {
        name: "plain",
        faults: &[
            "boom",
            "step_boom",
            "fatal",
            "timer_boom",
            "drop_boom",
            "finish",
        ],
    },
    Kind {
        name: "faulty",
        faults: &["fail", "refuse", "boom"],
    },
    Kind {
        name: "hanging",
        faults: &["hang", "step_boom"],
    },
    Kind {
        name: "stalling",
        faults: &["block 900", "boom"],
    },
    Kind {
        name: "blocking",
        faults: &["block 50", "block 900", "end_thread", "boom"],
    },
    Kind {
        name: "raw",
        faults: &["boom", "timer_boom", "finish", "fail"],
    },
];

pub(crate) const STRATEGIES: &[(&str, RestartStrategy)] = &[
    ("one", RestartStrategy::OneForOne),
    ("all", RestartStrategy::OneForAll),
    ("rest", RestartStrategy::RestForOne),
];

/// An agent that crashes whenever it starts, and is given up and tried again all the time.
pub(crate) const HOPELESS: &str = "hopeless";

pub(crate) fn name(strategy: usize, kind: usize) -> String {
    format!("{}_{}", STRATEGIES[strategy].0, KINDS[kind].name)
}

pub(crate) async fn start() -> Orchestrator {
    let mut app = App::new();
    let settings = app.settings_mut();
    settings.fallback_agent = name(0, 0);
    settings.pipeline.max_concurrent_requests = 10_000;
    settings.pipeline.request_ttl = Duration::from_secs(2);
    settings.pipeline.metrics_ttl = None;
    settings.house.breaker.enabled = false;
    settings.house.shutdown_timeout = Duration::from_millis(300);
    settings.house.stall_timeout = JOB * 2;
    settings.house.max_leaked_threads = 1000;
    let pauses = BackoffConfig {
        initial: Duration::from_millis(1),
        max: Duration::from_millis(20),
    };
    let config = SupervisorConfig {
        max_restarts: usize::MAX,
        backoff: pauses,
        cool_down: pauses,
        ..SupervisorConfig::default()
    };
    for (strategy, (group, of_group)) in STRATEGIES.iter().enumerate() {
        let of_group = SupervisorConfig {
            strategy: *of_group,
            ..config
        };
        let groups = &mut app.settings_mut().house.groups;
        groups.insert((*group).to_owned(), of_group);
        for (number, kind) in KINDS.iter().enumerate() {
            app = app.agent(agent(&name(strategy, number), kind.name).group(*group));
        }
    }
    let hopeless = AgentSpec::from_fn(HOPELESS, |_, _| async { panic!("hopeless") });
    let hopeless = hopeless.supervisor(SupervisorConfig {
        max_restarts: 1,
        ..config
    });
    app.agent(hopeless).start().await.unwrap()
}

fn agent(name: &str, kind: &str) -> AgentSpec {
    if kind == "raw" {
        return AgentSpec::actor(name, || Raw).queue(256);
    }
    let (stage, actor) = (Stage::without_records(), name.to_owned());
    let spec = AgentSpec::new(name, move || {
        stage.plan().lives([life_fault()]);
        stage.player(&actor)
    });
    let spec = spec.job_timeout(JOB).queue(256);
    match kind {
        "blocking" => spec.blocking(true).concurrency(1),
        _ => spec.instances(2),
    }
}

/// Most lives go well.
fn life_fault() -> LifeFault {
    match fastrand::u32(..100) {
        0..3 => LifeFault::FactoryPanics,
        3..6 => LifeFault::StartPanics,
        6..9 => LifeFault::StartFails,
        9..12 => LifeFault::StopPanics,
        12..14 => LifeFault::StopHangs,
        14..17 => LifeFault::DropPanics,
        _ => LifeFault::None,
    }
}

/// An actor that knows nothing of supervision.
struct Raw;

impl Actor for Raw {
    type Context = Context<Self>;
}

impl Handler<Ask> for Raw {
    type Result = Result<Reply, AgentError>;

    fn handle(&mut self, Ask { task, .. }: Ask, ctx: &mut Self::Context) -> Self::Result {
        match task.content.split(' ').next().unwrap() {
            "boom" => panic!("boom"),
            "timer_boom" => {
                ctx.run_later(Duration::ZERO, |_, _| panic!("boom"));
            }
            "finish" => ctx.stop(),
            "fail" => return Err(AgentError::failure("out of order")),
            _ => {}
        }
        Ok(Reply::text(task.content))
    }
}

/// Does what operators do, until the load ends.
pub(crate) async fn meddle(house: &Orchestrator, tally: &Tally) {
    let (mut instances, plain) = (2, name(0, 0));
    while !tally.is_stopped() {
        tokio::time::sleep(Duration::from_millis(250)).await;
        let (strategy, kind) = (fastrand::usize(..STRATEGIES.len()), fastrand::usize(..3));
        house.restart(&name(strategy, kind)).await.unwrap();
        instances = 5 - instances;
        house.scale(&plain, instances).await.unwrap();
    }
}

/// Serves HTTP on a free port; where.
pub(crate) fn serve(house: &Orchestrator) -> String {
    let served = house.clone();
    let app = move || actix_web::App::new().configure(http::routes(served.clone()));
    let server = actix_web::HttpServer::new(app).workers(1).disable_signals();
    let server = server.bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/orchestrate", server.addrs()[0]);
    actix_rt::spawn(server.run());
    address
}
