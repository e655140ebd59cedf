use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::Url;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use super::chat::{ChatAgent, Roster};
use super::knowledge::{KnowledgeAgent, KnowledgeConfig};
use super::remote::{RemoteAgent, RemoteConfig};
use super::util::UtilAgent;
use crate::judgement::{RestartConfig, RestartPolicy};
use crate::supervision::{AgentSpec, OnFailure};
use crate::words::{Keyword, Reader};

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
    instances: usize,
    concurrency: usize,
    queue: usize,
    timeout: Duration,
    on_failure: OnFailure,
    restart: RestartConfig,
}

/// Where an agent comes from.
#[derive(Debug, Clone, PartialEq)]
pub enum AgentKind {
    /// It comes with the orchestrator.
    Builtin(Builtin),
    /// It is reached over HTTP: one instance a URL, with its weight.
    Http(Vec<(RemoteConfig, u32)>),
}

/// The agents that come with the orchestrator; an entry chooses one by its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Builtin {
    /// `util_agent`
    Util,
    /// `chat_agent`
    Chat,
    /// `kb_librarian`
    Knowledge(KnowledgeConfig),
}

const COMMON: &[&str] = &[
    "name",
    "kind",
    "description",
    "group",
    "capabilities",
    "keywords",
    "examples",
    "concurrency",
    "queue",
    "timeout_ms",
    "on_failure",
    "restart",
];
const BUILTIN: &[&str] = &["instances", "settings"];
const HTTP: &[&str] = &["urls", "weights", "headers", "health_path"];
const BUILTINS: &[&str] = &["util_agent", "kb_librarian", "chat_agent"];

#[derive(Clone, Copy)]
enum KindName {
    Builtin,
    Http,
}

const KINDS: &[(&str, KindName)] = &[("builtin", KindName::Builtin), ("http", KindName::Http)];

impl AgentEntry {
    /// Reads an entry. Relative paths in it are relative to `directory`, and `restart` is what
    /// holds where it says nothing. `None` when it cannot be made sense of; whatever is wrong is
    /// noted with the reader.
    pub fn read(entry: &Reader<'_>, directory: &Path, restart: RestartConfig) -> Option<Self> {
        let kind_name = entry.required("kind").and_then(|kind| kind.one_of(KINDS));
        let special = match kind_name {
            Some(KindName::Builtin) => BUILTIN.to_vec(),
            Some(KindName::Http) => HTTP.to_vec(),
            None => [BUILTIN, HTTP].concat(),
        };
        entry.allow_only(&[COMMON, &special].concat());
        let name = entry.required("name").and_then(|name| name.string());
        let kind = match kind_name? {
            KindName::Builtin => AgentKind::Builtin(builtin(entry, name?, directory)?),
            KindName::Http => AgentKind::Http(remotes(entry)?),
        };
        let text = |key| {
            entry
                .member(key)
                .and_then(|it| it.string().map(str::to_owned))
        };
        let texts = |key| entry.member(key).and_then(|it| it.strings());
        let count = |key, least, usual| {
            let member = entry.member(key);
            member.map_or(Some(usual), |it| it.count(least))
        };
        let instances = match &kind {
            AgentKind::Builtin(_) => count("instances", 1, 1),
            AgentKind::Http(remotes) => Some(remotes.len()),
        };
        Some(Self {
            name: name?.to_owned(),
            kind,
            description: text("description").unwrap_or_default(),
            group: text("group"),
            capabilities: texts("capabilities").unwrap_or_default(),
            keywords: entry
                .member("keywords")
                .map_or_else(Vec::new, |it| keywords(&it)),
            examples: texts("examples").unwrap_or_default(),
            instances: instances?,
            concurrency: count("concurrency", 1, 8)?,
            queue: count("queue", 0, 64)?,
            timeout: entry
                .member("timeout_ms")
                .map_or(Some(30_000), |it| it.integer(1..=86_400_000))
                .map(Duration::from_millis)?,
            on_failure: entry
                .member("on_failure")
                .and_then(|it| it.one_of(OnFailure::NAMES))
                .unwrap_or_default(),
            restart: entry
                .member("restart")
                .map_or(restart, |it| read_restart(&it, restart)),
        })
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How to make the agent. The roster is for those that speak of the others.
    pub fn spec(&self, roster: &Roster) -> AgentSpec {
        let spec = match &self.kind {
            AgentKind::Builtin(builtin) => builtin.spec(&self.name, roster).kind("builtin"),
            AgentKind::Http(remotes) => remote_spec(&self.name, remotes).kind("http"),
        };
        let spec = match &self.group {
            Some(group) => spec.group(group),
            None => spec,
        };
        spec.description(&self.description)
            .capabilities(&self.capabilities)
            .keywords(self.keywords.iter().cloned())
            .examples(&self.examples)
            .instances(self.instances)
            .concurrency(self.concurrency)
            .queue(self.queue)
            .timeout(self.timeout)
            .on_failure(self.on_failure)
            .restart_config(self.restart)
    }
}

impl Builtin {
    fn spec(&self, name: &str, roster: &Roster) -> AgentSpec {
        match self.clone() {
            Self::Util => AgentSpec::new(name, || UtilAgent),
            Self::Chat => {
                let roster = roster.clone();
                AgentSpec::new(name, move || ChatAgent::new(roster.clone()))
            }
            Self::Knowledge(config) => {
                AgentSpec::new(name, move || KnowledgeAgent::new(config.clone()))
            }
        }
    }
}

fn remote_spec(name: &str, remotes: &[(RemoteConfig, u32)]) -> AgentSpec {
    let (configs, weights): (Vec<_>, Vec<_>) = remotes.iter().cloned().unzip();
    AgentSpec::numbered(name, move |number| {
        RemoteAgent::new(configs[number].clone())
    })
    .weights(weights)
}

fn builtin(entry: &Reader<'_>, name: &str, directory: &Path) -> Option<Builtin> {
    let settings = entry.member("settings");
    let none = || {
        if let Some(settings) = &settings {
            settings.allow_only(&[]);
        }
    };
    match name {
        "util_agent" => {
            none();
            Some(Builtin::Util)
        }
        "chat_agent" => {
            none();
            Some(Builtin::Chat)
        }
        "kb_librarian" => Some(Builtin::Knowledge(knowledge(settings.as_ref(), directory)?)),
        other => {
            let place = entry.member("name")?;
            let hint = match crate::words::nearest(other, BUILTINS) {
                Some(nearest) => format!("did you mean `{nearest}`?"),
                None => format!("there are: {}", BUILTINS.join(", ")),
            };
            place.fault(format!("no agent `{other}` is built in; {hint}"));
            None
        }
    }
}

fn knowledge(settings: Option<&Reader<'_>>, directory: &Path) -> Option<KnowledgeConfig> {
    let mut config = KnowledgeConfig::new(directory.join("knowledge"));
    if let Some(settings) = settings {
        settings.allow_only(&["path", "max_passages"]);
        if let Some(path) = settings.member("path") {
            config.path = directory.join(PathBuf::from(path.string()?));
        }
        if let Some(most) = settings.member("max_passages") {
            config.max_passages = most.count(1)?;
        }
    }
    Some(config)
}

fn remotes(entry: &Reader<'_>) -> Option<Vec<(RemoteConfig, u32)>> {
    let urls = entry.required("urls")?;
    let places = urls.items()?;
    if places.is_empty() {
        urls.fault("expected 1 or more URLs");
    }
    let headers = entry.member("headers");
    let headers = headers.as_ref().map_or_else(HeaderMap::new, read_headers);
    let health_path = entry.member("health_path");
    let health_path = health_path.and_then(|path| path.string().map(str::to_owned));
    let weights = weights(entry, places.len());
    let remotes = places.iter().zip(weights).filter_map(|(place, weight)| {
        let config = RemoteConfig {
            url: url(place)?,
            headers: headers.clone(),
            health_path: health_path.clone(),
        };
        Some((config, weight))
    });
    let remotes: Vec<_> = remotes.collect();
    (!remotes.is_empty()).then_some(remotes)
}

fn url(place: &Reader<'_>) -> Option<Url> {
    let text = place.string()?;
    match Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => Some(url),
        _ => {
            place.fault(format!("`{text}` is no URL of http or https"));
            None
        }
    }
}

fn weights(entry: &Reader<'_>, urls: usize) -> Vec<u32> {
    let Some(place) = entry.member("weights") else {
        return vec![1; urls];
    };
    let items = place.items().unwrap_or_default();
    if items.len() != urls {
        let found = items.len();
        place.fault(format!(
            "expected as many weights as URLs, {urls}, found {found}"
        ));
    }
    let weight = |item: &Reader<'_>| item.integer(1..=1000).and_then(|w| u32::try_from(w).ok());
    let mut weights: Vec<u32> = items.iter().filter_map(weight).collect();
    weights.resize(urls, 1);
    weights
}

fn read_headers(place: &Reader<'_>) -> HeaderMap {
    let entries = place.entries().unwrap_or_default().into_iter();
    let headers = entries.filter_map(|(name, place)| {
        let text = place.string()?;
        let header = HeaderName::try_from(name).ok();
        let header = header.zip(HeaderValue::try_from(text).ok());
        if header.is_none() {
            place.fault("expected the name and the value of an HTTP header");
        }
        header
    });
    headers.collect()
}

fn keywords(place: &Reader<'_>) -> Vec<Keyword> {
    let items = place.items().unwrap_or_default();
    items.iter().filter_map(keyword).collect()
}

fn keyword(item: &Reader<'_>) -> Option<Keyword> {
    let (phrase, weight) = if item.is_string() {
        (item.clone(), 1.0)
    } else {
        item.allow_only(&["phrase", "weight"]);
        let weight = item.member("weight");
        let weight = weight.map_or(Some(1.0), |weight| weight.positive());
        (item.required("phrase")?, weight?)
    };
    let text = phrase.string()?;
    if text.trim().is_empty() {
        phrase.fault("expected a word or a phrase");
        return None;
    }
    Some(Keyword::weighted(text, weight))
}

const POLICIES: &[(&str, RestartPolicy)] = &[
    ("permanent", RestartPolicy::Permanent),
    ("transient", RestartPolicy::Transient),
    ("temporary", RestartPolicy::Temporary),
];

fn read_restart(place: &Reader<'_>, mut restart: RestartConfig) -> RestartConfig {
    place.allow_only(&["policy", "max_restarts", "window"]);
    if let Some(policy) = place.member("policy").and_then(|it| it.one_of(POLICIES)) {
        restart.policy = policy;
    }
    if let Some(most) = place.member("max_restarts").and_then(|it| it.count(0)) {
        restart.max_restarts = most;
    }
    if let Some(window) = place.member("window").and_then(|it| it.seconds()) {
        restart.window = window;
    }
    restart
}
