//! Entries of `kind: builtin`.

use std::path::Path;

use crate::agents::chat::{ChatAgent, Roster};
use crate::agents::knowledge::{KnowledgeAgent, KnowledgeConfig};
use crate::agents::util::UtilAgent;
use crate::supervision::AgentSpec;
use crate::words::{Reader, nearest};

const NAMES: &[&str] = &["util_agent", "kb_librarian", "chat_agent"];

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

impl Builtin {
    pub(super) fn spec(&self, name: &str, roster: &Roster) -> AgentSpec {
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

pub(super) fn read(entry: &Reader<'_>, name: &str, directory: &Path) -> Option<Builtin> {
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
        "kb_librarian" => Some(Builtin::Knowledge(knowledge(settings.as_ref(), directory))),
        other => {
            let place = entry.member("name")?;
            let hint = match nearest(other, NAMES) {
                Some(nearest) => format!("did you mean `{nearest}`?"),
                None => format!("there are: {}", NAMES.join(", ")),
            };
            place.fault(format!("no agent `{other}` is built in; {hint}"));
            None
        }
    }
}

fn knowledge(settings: Option<&Reader<'_>>, directory: &Path) -> KnowledgeConfig {
    let mut config = KnowledgeConfig::new(directory.join("knowledge"));
    if let Some(settings) = settings {
        settings.allow_only(&["path", "max_passages"]);
        if let Some(path) = settings.member("path").and_then(|it| it.string()) {
            config.path = directory.join(path);
        }
        if let Some(most) = settings.member("max_passages").and_then(|it| it.count(1)) {
            config.max_passages = most;
        }
    }
    config
}
