//! Requests as JSON, as `POST /orchestrate` takes them.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::{OrchestrationRequest, Require};
use crate::pipeline::{PipelineConfig, Problem};
use crate::routing::{Mode, RoutingStrategy};
use crate::supervision::OnFailure;
use crate::words::{Reader, Role, SessionId, Turn};

impl OrchestrationRequest {
    /// Reads a request from the body of `POST /orchestrate`.
    ///
    /// # Errors
    /// A `ValidationError` naming every fault at once, those that
    /// [`orchestrate`](crate::Orchestrator::orchestrate) would find included.
    pub fn from_json(body: &Value, config: &PipelineConfig) -> Result<Self, Problem> {
        let faults = RefCell::new(Vec::new());
        let request = Self::read(&Reader::new(body, &faults), config);
        let mut faults = faults.into_inner();
        let misread: HashSet<String> = faults.iter().map(|f| f.pointer.clone()).collect();
        if !misread.contains("") {
            let found = request.faults(config).into_iter();
            faults.extend(found.filter(|fault| !misread.contains(&fault.pointer)));
        }
        if faults.is_empty() {
            Ok(request)
        } else {
            Err(Problem::invalid(faults))
        }
    }

    fn read(body: &Reader<'_>, config: &PipelineConfig) -> Self {
        const MEMBERS: &[&str] = &[
            "content",
            "context",
            "history",
            "user_context",
            "session_id",
            "agents",
            "mode",
            "routing_strategy",
            "require",
            "on_failure",
            "timeout_ms",
            "metadata",
        ];
        body.allow_only(MEMBERS);
        let object = |name| body.member(name).and_then(|m| m.any_object().cloned());
        Self {
            content: body
                .required("content")
                .and_then(|content| content.string().map(str::to_owned))
                .unwrap_or_default(),
            context: object("context").unwrap_or_default(),
            history: body
                .member("history")
                .map_or_else(Vec::new, |it| turns(&it)),
            user_context: object("user_context").unwrap_or_default(),
            session_id: body.member("session_id").and_then(|it| session(&it)),
            agents: body
                .member("agents")
                .and_then(|agents| some_strings(&agents))
                .unwrap_or_default(),
            mode: body
                .member("mode")
                .and_then(|mode| mode.one_of(MODES))
                .flatten(),
            routing_strategy: body
                .member("routing_strategy")
                .and_then(|strategy| strategy.one_of(RoutingStrategy::NAMES)),
            require: body
                .member("require")
                .and_then(|require| require.one_of(REQUIRES))
                .unwrap_or_default(),
            on_failure: body
                .member("on_failure")
                .and_then(|on_failure| on_failure.one_of(OnFailure::NAMES)),
            timeout: body
                .member("timeout_ms")
                .and_then(|timeout| timeout.integer(1..=config.longest_ms()))
                .map(Duration::from_millis),
            metadata: body
                .member("metadata")
                .map_or_else(BTreeMap::new, |it| metadata(&it)),
            permitted: None,
        }
    }

    /// The request as [`from_json`](Self::from_json) reads it: without who may be asked.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut body = Map::new();
        let mut member = |name: &str, value: Value| {
            if !value.is_null() {
                body.insert(name.to_owned(), value);
            }
        };
        let some = |given: bool, value: Value| if given { value } else { Value::Null };
        member("content", json!(self.content));
        member("context", json!(self.context));
        member("history", json!(self.history));
        member("user_context", json!(self.user_context));
        member("session_id", json!(self.session_id));
        member("agents", some(!self.agents.is_empty(), json!(self.agents)));
        member("mode", json!(name_of(MODES, &self.mode)));
        let strategy = self.routing_strategy.as_ref();
        let strategy = strategy.map(|it| name_of(RoutingStrategy::NAMES, it));
        member("routing_strategy", json!(strategy));
        member("require", json!(name_of(REQUIRES, &self.require)));
        let on_failure = self.on_failure.as_ref();
        let on_failure = on_failure.map(|it| name_of(OnFailure::NAMES, it));
        member("on_failure", json!(on_failure));
        let timeout = self.timeout.map(|timeout| timeout.as_millis());
        member(
            "timeout_ms",
            json!(timeout.map(|ms| u64::try_from(ms).unwrap_or(u64::MAX))),
        );
        member("metadata", json!(self.metadata));
        Value::Object(body)
    }
}

const MODES: &[(&str, Option<Mode>)] = &[
    ("auto", None),
    ("single", Some(Mode::Single)),
    ("sequential", Some(Mode::Sequential)),
    ("parallel", Some(Mode::Parallel)),
];

const REQUIRES: &[(&str, Require)] = &[
    ("all", Require::All),
    ("any", Require::Any),
    ("first", Require::First),
    ("quorum", Require::Quorum),
];

const ROLES: &[(&str, Role)] = &[
    ("user", Role::User),
    ("assistant", Role::Assistant),
    ("system", Role::System),
];

fn name_of<T: PartialEq>(names: &[(&'static str, T)], value: &T) -> Option<&'static str> {
    let found = names.iter().find(|(_, named)| named == value);
    found.map(|(name, _)| *name)
}

fn some_strings(agents: &Reader<'_>) -> Option<Vec<String>> {
    let items = agents.items()?;
    if items.is_empty() {
        agents.fault("expected 1 or more agents; leave it out to let the router decide");
    }
    // What is no string leaves its place empty, so that the places of the others stay right.
    let name = |item: &Reader<'_>| item.string().unwrap_or_default().to_owned();
    Some(items.iter().map(name).collect())
}

fn session(place: &Reader<'_>) -> Option<SessionId> {
    let id = SessionId::parse(place.string()?);
    if id.is_none() {
        place.fault("expected 1 to 128 letters, digits, `.`, `_`, `:` or `-`");
    }
    id
}

fn turns(history: &Reader<'_>) -> Vec<Turn> {
    let turns = history.items().unwrap_or_default().into_iter();
    turns.filter_map(|place| turn(&place)).collect()
}

fn turn(place: &Reader<'_>) -> Option<Turn> {
    place.allow_only(&["role", "content"]);
    let role = place.required("role").and_then(|role| role.one_of(ROLES));
    let content = place
        .required("content")
        .and_then(|content| content.string());
    Some(Turn {
        role: role?,
        content: content?.to_owned(),
    })
}

fn metadata(place: &Reader<'_>) -> BTreeMap<String, String> {
    let entries = place.entries().unwrap_or_default().into_iter();
    entries
        .filter_map(|(name, place)| Some((name.to_owned(), place.string()?.to_owned())))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Settings;

    #[test]
    fn a_request_is_read_as_it_was_written() {
        let config = Settings::default().pipeline;
        let turn = |role, content: &str| Turn {
            role,
            content: content.to_owned(),
        };
        let facts = json!({"a": [1, null, {"b": "\u{1f511}"}]});
        let facts = facts.as_object().unwrap();
        for (_, mode) in MODES {
            for (_, require) in REQUIRES {
                let request = OrchestrationRequest {
                    context: facts.clone(),
                    history: vec![turn(Role::User, "x"), turn(Role::Assistant, "")],
                    user_context: facts.clone(),
                    session_id: SessionId::parse("s-1"),
                    agents: vec!["a".to_owned()],
                    mode: *mode,
                    routing_strategy: Some(RoutingStrategy::Llm),
                    require: *require,
                    on_failure: Some(OnFailure::Continue),
                    timeout: Some(Duration::from_millis(1)),
                    metadata: [("k".to_owned(), "v".to_owned())].into(),
                    ..OrchestrationRequest::new(" what? ")
                };
                let read = OrchestrationRequest::from_json(&request.to_json(), &config);
                assert_eq!(read.unwrap(), request);
            }
        }
        let plain = OrchestrationRequest::new("x");
        let read = OrchestrationRequest::from_json(&plain.to_json(), &config);
        assert_eq!(read.unwrap(), plain);
    }
}
