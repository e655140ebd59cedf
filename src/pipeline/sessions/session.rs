use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::SessionConfig;
use crate::words::{AgentName, RequestId, Role, SessionId, Turn};

/// A conversation, as far as it is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Session {
    /// Its id.
    pub session_id: SessionId,
    /// What was said, oldest first.
    pub turns: Vec<SessionTurn>,
    /// When its first turn ended, UTC.
    pub created_at: Timestamp,
    /// When its last turn ended, UTC.
    pub updated_at: Timestamp,
}

/// Something that was said in a conversation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SessionTurn {
    /// Who said it.
    pub role: Role,
    /// What was said.
    pub content: String,
    /// The agent that said it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<AgentName>,
    /// The request in which it was said.
    pub request_id: RequestId,
    /// When it was said, UTC.
    pub at: Timestamp,
}

/// Tokens are taken to have so many characters.
const CHARS_OF_TOKEN: usize = 4;

impl Session {
    /// One in which nothing was said.
    pub(super) fn new(session_id: SessionId) -> Self {
        let now = Timestamp::now();
        Self {
            session_id,
            turns: Vec::new(),
            created_at: now,
            updated_at: now,
        }
    }

    /// What is stored; `None` when it was not written by this version.
    pub(super) fn read(stored: &[u8]) -> Option<Self> {
        serde_json::from_slice(stored).ok()
    }

    /// Adds what was said in a request, once, and leaves out what is too long ago to be kept.
    pub(super) fn add(&mut self, said: &[SessionTurn], config: &SessionConfig) {
        let known =
            |turn: &SessionTurn| self.turns.iter().any(|it| it.request_id == turn.request_id);
        if said.first().is_none_or(known) {
            return;
        }
        self.turns.extend_from_slice(said);
        self.updated_at = Timestamp::now();
        let mut tokens = 0;
        let fits = |turn: &&SessionTurn| {
            let first = tokens == 0;
            tokens += 1 + turn.content.chars().count() / CHARS_OF_TOKEN;
            first || tokens <= config.max_tokens
        };
        let newest = self.turns.iter().rev().take(config.max_turns.max(1));
        let kept = newest.take_while(fits).count();
        self.turns.drain(..self.turns.len() - kept);
    }

    /// What was said, for agents and the router.
    pub(super) fn history(&self) -> Vec<Turn> {
        let turns = self.turns.iter().map(|turn| Turn {
            role: turn.role,
            content: turn.content.clone(),
        });
        turns.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(max_turns: usize, max_tokens: usize) -> SessionConfig {
        SessionConfig {
            max_turns,
            max_tokens,
            ..SessionConfig::default()
        }
    }

    fn said(content: &str) -> [SessionTurn; 2] {
        let request_id = RequestId::new();
        [Role::User, Role::Assistant].map(|role| SessionTurn {
            role,
            content: content.to_owned(),
            agent: None,
            request_id,
            at: Timestamp::now(),
        })
    }

    fn contents(session: &Session) -> Vec<&str> {
        session.turns.iter().map(|turn| &*turn.content).collect()
    }

    fn session() -> Session {
        Session::new(SessionId::parse("s").unwrap())
    }

    #[test]
    fn only_the_newest_turns_are_kept() {
        let mut session = session();
        for content in ["a", "b", "c"] {
            session.add(&said(content), &config(5, 1000));
        }
        assert_eq!(contents(&session), ["a", "b", "b", "c", "c"]);
    }

    #[test]
    fn only_so_many_tokens_are_kept_and_the_newest_turn_in_any_case() {
        let mut session = session();
        let long = "x".repeat(40);
        for content in ["a", &long, "b"] {
            session.add(&said(content), &config(100, 14));
        }
        assert_eq!(contents(&session), [&long, "b", "b"]);
        session.add(&said(&"y".repeat(1000)), &config(100, 14));
        assert_eq!(session.turns.len(), 1);
    }

    #[test]
    fn what_was_said_in_a_request_is_added_once() {
        let (mut session, said) = (session(), said("a"));
        session.add(&said, &config(10, 1000));
        session.add(&said, &config(10, 1000));
        assert_eq!(contents(&session), ["a", "a"]);
    }
}
