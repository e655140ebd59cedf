use serde_json::{Map, Value};

use super::decision::{Mode, RoutingStrategy};
use super::signs::Signs;
use crate::words::{AgentName, Sign, Turn};

/// What is to be routed, and all that may help.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// What the user asks.
    pub content: &'a str,
    /// Facts for the agents. Members named `documents`, `document`, `files`, `file`, `attachments` or
    /// `attachment` say that documents came with the request, `previous_agent` who answered last.
    pub context: Option<&'a Map<String, Value>>,
    /// Earlier turns, oldest first.
    pub history: &'a [Turn],
    /// How to decide.
    pub strategy: RoutingStrategy,
    /// How several agents shall work together; `None`: as the wording says.
    pub mode: Option<Mode>,
    /// The agents that may be asked; `None`: all.
    pub permitted: Option<&'a [AgentName]>,
}

impl<'a> Question<'a> {
    /// A text, with nothing else known about it.
    #[must_use]
    pub fn new(content: &'a str) -> Self {
        Self {
            content,
            context: None,
            history: &[],
            strategy: RoutingStrategy::default(),
            mode: None,
            permitted: None,
        }
    }

    /// What can be seen of what came with the text.
    pub(super) fn signs(&self) -> Signs {
        const DOCUMENTS: &[&str] = &[
            "documents",
            "document",
            "files",
            "file",
            "attachments",
            "attachment",
        ];
        let mut signs = Signs::default();
        let given = |name: &&str| {
            self.context
                .and_then(|it| it.get(*name))
                .is_some_and(says_something)
        };
        if DOCUMENTS.iter().any(given) {
            signs.add(Sign::Documents);
        }
        signs
    }

    /// The agent of the previous turn.
    pub(super) fn previous_agent(&self) -> Option<&'a str> {
        self.context?.get("previous_agent")?.as_str()
    }
}

fn says_something(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::Array(items) => !items.is_empty(),
        Value::Object(members) => !members.is_empty(),
        Value::String(text) => !text.is_empty(),
        Value::Bool(true) | Value::Number(_) => true,
    }
}
