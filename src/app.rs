//! Puts the house together, from the ground floor up, and runs it.

mod signal;
mod start;

use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::Actor;
use actix_rt::Arbiter;
use log::{error, info};
use tokio::sync::Notify;
use uuid::Uuid;

use crate::agents::Surroundings;
use crate::http;
use crate::llm::LlmError;
use crate::pipeline::{
    Admission, Background, House, Orchestrator, Peers, Recruits, Running, Sessions,
};
use crate::routing::{MemoryConfig, Routes, RuleError};
use crate::settings::{Settings, SettingsError, StateConfig};
use crate::store::{Journal, Redis, Store, StoreError};
use crate::supervision::{AgentSpec, RegistryError, SpecError};
use crate::telemetry::{HealthMonitor, ResourceGauge};
use crate::words::{AgentCard, nearest};

/// The exit code for an error within the program itself, of `sysexits.h`.
const EX_SOFTWARE: i32 = 70;

/// An orchestrator in the making: settings, and agents written in Rust.
///
/// ```no_run
/// use agent_orchestrator::{AgentSpec, App, Reply};
///
/// #[actix_web::main]
/// async fn main() -> Result<(), Box<dyn std::error::Error>> {
///     App::from_config("config")?
///         .agent(AgentSpec::from_fn("shout", |task, _cx| async move {
///             Ok(Reply::text(task.content.to_uppercase()))
///         }))
///         .run()
///         .await?;
///     Ok(())
/// }
/// ```
#[must_use = "an app does nothing until it is run or started"]
pub struct App {
    settings: Settings,
    specs: Vec<AgentSpec>,
    store: Option<Arc<dyn Store>>,
}

/// Why an orchestrator could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration is not valid.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// An agent's spec is not valid.
    #[error(transparent)]
    Spec(#[from] SpecError),
    /// An agent could not be registered.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The system gives no threads for the agents to live on.
    #[error("the threads of the agents cannot be started: {0}")]
    Threads(#[source] std::io::Error),
    /// The store cannot be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The agent that shall answer when no other fits is not there.
    #[error("the fallback agent `{name}` (orchestrator.fallback_agent) is not there; {hint}")]
    NoFallback {
        /// Its name.
        name: String,
        /// Which there are.
        hint: String,
    },
    /// The keywords cannot be used.
    #[error(transparent)]
    Rules(#[from] RuleError),
    /// The system gives no client for language models.
    #[error(transparent)]
    Llm(#[from] LlmError),
    /// The server cannot be run.
    #[error(transparent)]
    Server(#[from] std::io::Error),
}

impl App {
    /// The default settings, state in memory, and no agents yet.
    pub fn new() -> Self {
        Self::with_settings(Settings::default())
    }

    /// These settings, with the agents that they name.
    pub fn with_settings(settings: Settings) -> Self {
        Self {
            settings,
            specs: Vec::new(),
            store: None,
        }
    }

    /// The settings of that directory; see [`Settings::load`].
    ///
    /// # Errors
    /// When the configuration is not valid.
    pub fn from_config(directory: impl AsRef<std::path::Path>) -> Result<Self, StartError> {
        Ok(Self::with_settings(Settings::load(directory)?))
    }

    /// Adds an agent.
    pub fn agent(mut self, spec: AgentSpec) -> Self {
        self.specs.push(spec);
        self
    }

    /// Keeps the state in that store, whatever the settings say.
    pub fn store(mut self, store: Arc<dyn Store>) -> Self {
        self.store = Some(store);
        self
    }

    /// The settings, to be changed.
    pub fn settings_mut(&mut self) -> &mut Settings {
        &mut self.settings
    }

    /// The settings.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The agents that would run, without starting anything.
    ///
    /// # Errors
    /// As [`start`](Self::start), as far as that can be told beforehand.
    pub fn check(&self) -> Result<Vec<AgentSpec>, StartError> {
        if let StateConfig::Redis(config) = &self.settings.state {
            Redis::new(config.clone())?;
        }
        let models = start::models(&self.settings, start::model(&self.settings)?.as_ref());
        self.checked_specs(&Surroundings {
            models,
            ..Surroundings::default()
        })
    }

    /// How requests would be routed, without starting anything: by rules, a classifier and the
    /// configured language model, each time anew. Where an embedding model is configured,
    /// [`Routes::embed_examples`] has it looked at, too.
    ///
    /// # Errors
    /// As [`check`](Self::check).
    pub fn routes(&self) -> Result<Routes, StartError> {
        let specs = self.check()?;
        let helpers = start::helpers(&self.settings, start::model(&self.settings)?.as_ref());
        let fallback = self.settings.fallback_agent.as_str().into();
        let routes = Routes::of(fallback, None, MemoryConfig::NONE, helpers);
        let mut cards: Vec<&AgentCard> = specs.iter().map(AgentSpec::card).collect();
        cards.sort_by_key(|card| &card.name);
        routes.publish(cards).map_err(StartError::Rules)?;
        Ok(routes)
    }

    fn checked_specs(&self, around: &Surroundings) -> Result<Vec<AgentSpec>, StartError> {
        let configured = self.settings.agents.iter().map(|entry| entry.spec(around));
        let specs: Vec<AgentSpec> = configured.chain(self.specs.iter().cloned()).collect();
        AgentSpec::check_all(&specs)?;
        check_fallback(&self.settings.fallback_agent, &specs)?;
        Ok(specs)
    }

    /// Starts everything but the HTTP side. Needs a running actix system.
    ///
    /// # Errors
    /// When an agent's spec is not valid, the fallback agent is missing or the store cannot be
    /// opened. A Redis server that is away is no error.
    pub async fn start(self) -> Result<Orchestrator, StartError> {
        let model = start::model(&self.settings)?;
        let around = Surroundings {
            models: start::models(&self.settings, model.as_ref()),
            ..Surroundings::default()
        };
        let specs = self.checked_specs(&around)?;
        let settings = self.settings;
        let id = Uuid::now_v7();
        let control = Arbiter::new().handle();
        let store = match self.store {
            Some(store) => store,
            None => start::open_store(&settings.state)?,
        };
        let journal = Journal::start_on(&control, Arc::clone(&store));
        let (monitored, lease) = (Arc::clone(&store), settings.pipeline.lease);
        let (background, staff) = Background::new(&settings.pipeline.background);
        let workshop = Arbiter::new().handle();
        let (root, registry) = start::start_agents(&settings, specs, &control).await?;
        start::keep_roster(around.roster.clone(), registry.clone(), &control);
        let (balancer, pools) = start::start_balancer(&settings, &registry, &control).await;
        let (router, routes) =
            start::start_router(&settings, &registry, &journal, model.as_ref(), &control).await;
        let house = House {
            id,
            started: Instant::now(),
            root,
            pools,
            balancer,
            routes,
            router,
            model,
            recruiter: start::recruiter(&settings, around),
            admission: Admission::new(
                settings.pipeline.max_concurrent_requests,
                settings.pipeline.admission_wait,
            ),
            metrics: start::start_metrics(&settings, id, &journal, &control),
            gauge: ResourceGauge::new(start::place_of(&settings.state)),
            config: settings.pipeline,
            registry: registry.clone(),
            journal: journal.clone(),
            peers: Peers::new(id, Arc::clone(&store), lease),
            store,
            running: Running::default(),
            sessions: Sessions::new(),
            recruits: Recruits::default(),
            crew_bell: Notify::new(),
            background,
            workshop: workshop.clone(),
            control: control.clone(),
        };
        let monitor =
            HealthMonitor::new(settings.health_check_interval, registry, journal, monitored);
        HealthMonitor::start_in_arbiter(&control, |_| monitor);
        let orchestrator = Orchestrator::new(house);
        workshop.spawn(orchestrator.clone().hear_news());
        workshop.spawn(orchestrator.clone().beat());
        workshop.spawn(orchestrator.clone().catch_up());
        workshop.spawn(orchestrator.clone().warn_others());
        // Agents that were registered before are there from the beginning, if the store is.
        let _ = orchestrator.follow_list().await;
        staff.start_on(&workshop, &orchestrator);
        workshop.spawn(orchestrator.clone().follow_crew());
        Ok(orchestrator)
    }

    /// Starts everything, serves HTTP until SIGINT or SIGTERM, and finishes what was begun.
    /// A second signal ends it at once.
    ///
    /// Does not return when the root of the supervisors ends, that is, when agents that escalate
    /// cannot be kept alive: everybody who waits is told, what is to be written is written, and
    /// the process exits with code 70 (`EX_SOFTWARE`), for whoever started it to start it anew.
    ///
    /// # Errors
    /// As [`start`](Self::start), and when the address cannot be listened on.
    pub async fn run(self) -> Result<(), StartError> {
        let server = self.settings.server.clone();
        let orchestrator = self.start().await?;
        let told = signal::told_to_end();
        let lost = orchestrator.registry().until_lost();
        let end = async {
            tokio::select! {
                () = told => {}
                _ = lost => {}
            }
        };
        let served = http::serve(orchestrator.clone(), &server, end).await;
        orchestrator.shutdown_within(Duration::ZERO).await;
        if let Some(reason) = orchestrator.registry().loss() {
            error!("stopped: {reason}");
            std::process::exit(EX_SOFTWARE);
        }
        info!("stopped");
        Ok(served?)
    }
}

impl Default for App {
    fn default() -> Self {
        Self::new()
    }
}

fn check_fallback(name: &str, specs: &[AgentSpec]) -> Result<(), StartError> {
    let names: Vec<&str> = specs.iter().map(AgentSpec::name).collect();
    if names.contains(&name) {
        return Ok(());
    }
    let hint = match (nearest(name, &names), names.as_slice()) {
        (Some(nearest), _) => format!("did you mean `{nearest}`?"),
        (None, []) => "there are no agents at all".to_owned(),
        (None, names) => format!("there are: {}", names.join(", ")),
    };
    let name = name.to_owned();
    Err(StartError::NoFallback { name, hint })
}
