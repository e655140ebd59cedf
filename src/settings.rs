//! The configuration: two YAML files and the environment, read into each room's own `Config`.
//!
//! Nothing is guessed: an unknown key, or a value that cannot be meant, is refused, and all that
//! is wrong in all files is said at once, each with its file, its key and what would be right.

mod choosing;
mod keys;
mod routing;
mod source;
mod supervision;

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::agents::AgentEntry;
use crate::balancing::BalancingConfig;
use crate::http::ServerConfig;
use crate::llm::LlmConfig;
use crate::pipeline::{BackgroundConfig, Limits, PipelineConfig, SessionConfig};
use crate::routing::{AdviceConfig, EmbeddingConfig, MemoryConfig, RoutingStrategy};
use crate::store::RedisConfig;
use crate::supervision::HouseRules;

/// Everything that can be configured; the default is what holds where nothing is said.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The agent that answers when no other fits.
    pub fallback_agent: String,
    /// What the pipeline may do.
    pub pipeline: PipelineConfig,
    /// How often agents are asked how they are.
    pub health_check_interval: Duration,
    /// How instances are chosen.
    pub balancing: BalancingConfig,
    /// Breakers and restarts.
    pub house: HouseRules,
    /// How long the sums of metrics are kept.
    pub metrics_retention: Duration,
    /// How our own server listens.
    pub server: ServerConfig,
    /// Where the state is kept.
    pub state: StateConfig,
    /// Where language models are; `None`: none is asked.
    pub llm: Option<LlmConfig>,
    /// When a language model is asked to route.
    pub advice: HelpRules,
    /// When an embedding model is.
    pub embedding: HelpRules,
    /// How routing decisions are remembered.
    pub memory: MemoryConfig,
    /// The agents of `agents.yaml`.
    pub agents: Vec<AgentEntry>,
}

/// Where the state is kept.
#[derive(Debug, Clone)]
pub enum StateConfig {
    /// In memory, until the end of the process.
    Memory,
    /// In a file.
    File(PathBuf),
    /// On a Redis server.
    Redis(RedisConfig),
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            fallback_agent: "chat_agent".to_owned(),
            pipeline: PipelineConfig {
                routing_strategy: RoutingStrategy::default(),
                max_concurrent_requests: 100,
                admission_wait: Duration::from_millis(25),
                request_timeout: Duration::from_secs(300),
                limits: Limits {
                    max_content_chars: 32_768,
                    max_body_bytes: 1 << 20,
                },
                request_ttl: Duration::from_secs(3600),
                metrics_ttl: Some(Duration::from_secs(86_400)),
                detailed_logging: false,
                background: BackgroundConfig::default(),
                session: SessionConfig::default(),
                lease: Duration::from_secs(10),
            },
            health_check_interval: Duration::from_secs(30),
            balancing: BalancingConfig::default(),
            house: HouseRules::default(),
            metrics_retention: Duration::from_secs(7 * 86_400),
            server: ServerConfig::default(),
            state: StateConfig::Memory,
            llm: None,
            advice: HelpRules {
                threshold: 0.6,
                timeout: Duration::from_secs(2),
            },
            embedding: HelpRules {
                threshold: 0.6,
                timeout: Duration::from_millis(500),
            },
            memory: MemoryConfig::default(),
            agents: Vec::new(),
        }
    }
}

/// When somebody is asked to help with routing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HelpRules {
    /// Below this confidence a `hybrid` decision asks.
    pub threshold: f64,
    /// The longest time that a decision waits for it.
    pub timeout: Duration,
}

impl Settings {
    /// Which language model is asked to route, and when; `None`: none is.
    #[must_use]
    pub fn advice(&self) -> Option<AdviceConfig> {
        let llm = self.llm.as_ref()?;
        Some(AdviceConfig {
            model: llm.routing_model.clone(),
            complex_model: llm.complex_routing_model.clone(),
            threshold: self.advice.threshold,
            timeout: self.advice.timeout,
        })
    }

    /// Which embedding model is looked at in routing, and when; `None`: none is.
    #[must_use]
    pub fn embedding(&self) -> Option<EmbeddingConfig> {
        let llm = self.llm.as_ref()?;
        Some(EmbeddingConfig {
            model: llm.embedding_model.clone()?,
            threshold: self.embedding.threshold,
            timeout: self.embedding.timeout,
        })
    }

    /// Reads `orchestrator.yaml` and `agents.yaml` of that directory, and the environment.
    ///
    /// Either file may be missing, not both. A variable `ORCHESTRATOR__A__B` stands for the key
    /// `a.b` of `orchestrator.yaml` and overrides it.
    ///
    /// # Errors
    /// A [`SettingsError`] naming everything that is wrong.
    pub fn load(directory: impl AsRef<Path>) -> Result<Self, SettingsError> {
        let directory = directory.as_ref();
        let mut files = source::read(directory)?;
        let mut mistakes = Vec::new();
        let mut settings = files.orchestrator.check(&mut mistakes, keys::read);
        settings.agents = files.agents.check(&mut mistakes, |file| {
            keys::read_agents(file, directory, &settings.house)
        });
        if mistakes.is_empty() {
            Ok(settings)
        } else {
            Err(SettingsError { mistakes })
        }
    }
}

/// Why a configuration was refused: everything that is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingsError {
    /// What is wrong, in the order of the files.
    pub mistakes: Vec<Mistake>,
}

/// One thing that is wrong with a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// The file, or the environment variable.
    pub source: String,
    /// The key, as `server.listen` or `agents[2].urls`; empty when it is the file as a whole.
    pub key: String,
    /// What is wrong, and what would be right.
    pub message: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.key.is_empty() {
            write!(f, "{}: {}", self.source, self.message)
        } else {
            write!(f, "{}: {}: {}", self.source, self.key, self.message)
        }
    }
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the configuration is not valid")?;
        for mistake in &self.mistakes {
            write!(f, "\n  {mistake}")?;
        }
        Ok(())
    }
}

impl std::error::Error for SettingsError {}
