mod builtin;
mod http;
mod llm;
mod queue;
mod routing;
mod supervisor;

use std::ops::RangeInclusive;
use std::path::Path;
use std::time::Duration;

use super::chat::Roster;
use super::llm::{LlmAgentConfig, Models};
use super::remote::RemoteConfig;
use crate::judgement::SupervisorConfig;
use crate::supervision::{AgentSpec, JobTimeout, OnFailure};
use crate::words::{Keyword, Reader, name_fault};

pub use builtin::Builtin;
use queue::Queue;
use supervisor::Restart;
pub use supervisor::{SUPERVISOR_KEYS, read_supervisor};

/// One entry of `agents.yaml`, read and found sound.
#[derive(Debug, Clone, PartialEq)]
pub struct AgentEntry {
    name: String,
    kind: AgentKind,
    description: String,
    group: Option<String>,
    capabilities: Vec<String>,
    keywords: Vec<Keyword>,
    examples: Vec<String>,
    more_examples: Vec<String>,
    min_confidence: f64,
    instances: usize,
    concurrency: usize,
    queue: Queue,
    timeout: Duration,
    job_timeout: JobTimeout,
    blocking: bool,
    retry_safe: bool,
    hedge: bool,
    fallback: Vec<String>,
    on_failure: OnFailure,
    restart: Restart,
}

/// Where an agent comes from.
#[derive(Debug, Clone, PartialEq)]
pub enum AgentKind {
    /// It comes with the orchestrator.
    Builtin(Builtin),
    /// It is reached over HTTP: one instance a URL, with its weight.
    Http(Vec<(RemoteConfig, u32)>),
    /// It is a language model with instructions.
    Llm(LlmAgentConfig),
}

/// What agents are made with, beside what their entries say.
#[derive(Clone, Default)]
pub struct Surroundings {
    /// For those that speak of the others.
    pub roster: Roster,
    /// For those that are language models.
    pub models: Option<Models>,
}

const COMMON: &[&str] = &[
    "name",
    "kind",
    "description",
    "group",
    "capabilities",
    "keywords",
    "examples",
    "examples_from",
    "min_confidence",
    "concurrency",
    "queue",
    "timeout_ms",
    "job_timeout_ms",
    "blocking",
    "retry_safe",
    "hedge",
    "fallback",
    "on_failure",
    "restart",
];
const BUILTIN: &[&str] = &["instances", "settings"];
const HTTP: &[&str] = &["urls", "weights", "headers", "health_path"];

#[derive(Clone, Copy)]
enum KindName {
    Builtin,
    Http,
    Llm,
}

const KINDS: &[(&str, KindName)] = &[
    ("builtin", KindName::Builtin),
    ("http", KindName::Http),
    ("llm", KindName::Llm),
];

impl AgentEntry {
    /// Reads an entry. Relative paths in it are relative to `directory`, and `common` says how the
    /// agents of a group, or of none, are kept alive where the entry says nothing. `None` when it
    /// cannot be made sense of; whatever is wrong is noted with the reader.
    pub fn read(
        entry: &Reader<'_>,
        directory: &Path,
        common: impl Fn(Option<&str>) -> SupervisorConfig,
    ) -> Option<Self> {
        let kind_name = kind_name(entry);
        let name = name(entry);
        let kind = kind_name.and_then(|kind| match kind {
            KindName::Builtin => {
                builtin::read(entry, name.as_deref()?, directory).map(AgentKind::Builtin)
            }
            KindName::Http => http::read(entry).map(AgentKind::Http),
            KindName::Llm => llm::read(entry).map(AgentKind::Llm),
        });
        let group = text(entry, "group");
        let restart = entry.member("restart").map_or_else(Restart::default, |it| {
            supervisor::read_restart(&it, common(group.as_deref()))
        });
        let usual = AgentSpec::usual_capacity();
        let yes = |key| entry.member(key).and_then(|it| it.boolean()) == Some(true);
        // What is at fault is replaced by what is usual: the rest is to be looked at, too.
        Some(Self {
            description: text(entry, "description").unwrap_or_default(),
            group,
            capabilities: texts(entry, "capabilities"),
            keywords: entry
                .member("keywords")
                .map_or_else(Vec::new, |it| routing::keywords(&it)),
            examples: texts(entry, "examples"),
            more_examples: routing::examples(entry, directory),
            min_confidence: entry
                .member("min_confidence")
                .and_then(|it| it.degree())
                .unwrap_or(0.0),
            instances: match &kind {
                Some(AgentKind::Http(remotes)) => remotes.len(),
                _ => count(entry, "instances", 1, 1),
            },
            concurrency: count(entry, "concurrency", 1, usual.concurrency),
            queue: queue::read(entry),
            timeout: entry
                .member("timeout_ms")
                .and_then(|it| it.integer(SPAN_MS))
                .map_or(usual.timeout, Duration::from_millis),
            job_timeout: entry
                .member("job_timeout_ms")
                .and_then(|it| job_timeout(&it))
                .unwrap_or_default(),
            blocking: yes("blocking"),
            retry_safe: yes("retry_safe"),
            hedge: hedge(entry, yes("retry_safe")),
            fallback: texts(entry, "fallback"),
            on_failure: entry
                .member("on_failure")
                .and_then(|it| it.one_of(OnFailure::NAMES))
                .unwrap_or_default(),
            restart,
            name: name?,
            kind: kind?,
        })
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether the agent runs elsewhere.
    #[must_use]
    pub fn is_remote(&self) -> bool {
        matches!(self.kind, AgentKind::Http(_))
    }

    /// How to make the agent.
    pub fn spec(&self, surroundings: &Surroundings) -> AgentSpec {
        let Surroundings { roster, models } = surroundings;
        let spec = match &self.kind {
            AgentKind::Builtin(builtin) => builtin.spec(&self.name, roster).kind("builtin"),
            AgentKind::Http(remotes) => http::spec(&self.name, remotes).kind("http"),
            AgentKind::Llm(config) => llm::spec(&self.name, config, models.as_ref()).kind("llm"),
        };
        let spec = match &self.group {
            Some(group) => spec.group(group),
            None => spec,
        };
        let spec = match self.restart.supervisor {
            Some(config) => spec.supervisor(config),
            None => spec,
        };
        spec.description(&self.description)
            .capabilities(&self.capabilities)
            .keywords(self.keywords.iter().cloned())
            .examples(&self.examples)
            .more_examples(self.more_examples.iter().map(String::as_str))
            .min_confidence(self.min_confidence)
            .instances(self.instances)
            .concurrency(self.concurrency)
            .queue(self.queue.most)
            .min_queue(self.queue.least)
            .timeout(self.timeout)
            .job_timeout(self.job_timeout)
            .on_failure(self.on_failure)
            .blocking(self.blocking)
            .retry_safe(self.retry_safe)
            .hedge(self.hedge)
            .fallback(self.fallback.iter().map(String::as_str))
            .restart(self.restart.policy)
    }
}

/// The kind of an agent, which says what else may be there.
fn kind_name(entry: &Reader<'_>) -> Option<KindName> {
    let kind = entry.required("kind").and_then(|kind| kind.one_of(KINDS));
    let special = match kind {
        Some(KindName::Builtin | KindName::Llm) => BUILTIN.to_vec(),
        Some(KindName::Http) => HTTP.to_vec(),
        None => [BUILTIN, HTTP].concat(),
    };
    entry.allow_only(&[COMMON, &special].concat());
    kind
}

fn name(entry: &Reader<'_>) -> Option<String> {
    let place = entry.required("name")?;
    let name = place.string()?;
    if let Some(fault) = name_fault(name) {
        place.fault(format!("`{name}` is no name for an agent: {fault}"));
    }
    Some(name.to_owned())
}

fn text(entry: &Reader<'_>, key: &str) -> Option<String> {
    let place = entry.member(key)?;
    place.string().map(str::to_owned)
}

fn texts(entry: &Reader<'_>, key: &str) -> Vec<String> {
    let place = entry.member(key);
    place.and_then(|it| it.strings()).unwrap_or_default()
}

fn count(entry: &Reader<'_>, key: &str, least: u32, usual: usize) -> usize {
    let place = entry.member(key);
    place.and_then(|it| it.count(least)).unwrap_or(usual)
}

/// The spans that agents may take, milliseconds.
const SPAN_MS: RangeInclusive<u64> = 1..=86_400_000;

/// Whether a second instance is asked, too; only where two may work on the same.
fn hedge(entry: &Reader<'_>, retry_safe: bool) -> bool {
    let place = entry.member("hedge");
    let hedge = place.as_ref().and_then(Reader::boolean) == Some(true);
    if let Some(place) = place.filter(|_| hedge && !retry_safe) {
        place.fault("expected `retry_safe: true` beside it: two instances work on one task then");
    }
    hedge
}

fn job_timeout(place: &Reader<'_>) -> Option<JobTimeout> {
    if place.is_string() {
        return place.one_of(&[("none", JobTimeout::Unlimited)]);
    }
    let limit = place.integer(SPAN_MS)?;
    Some(Duration::from_millis(limit).into())
}
