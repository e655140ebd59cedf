use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

/// What an agent answers: text for the person, and data for programs.
///
/// ```
/// use agent_orchestrator::Reply;
/// use serde_json::json;
///
/// let reply = Reply::text("397.8").with("unit", json!("EUR"));
/// assert_eq!(serde_json::to_value(&reply)?, json!({"content": "397.8", "data": {"unit": "EUR"}}));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Reply {
    /// The answer in words.
    pub content: String,
    /// The answer in members that a program can read; empty when there is nothing to add.
    #[serde(default, deserialize_with = "null_is_nothing")]
    pub data: Map<String, Value>,
}

impl Reply {
    /// An answer in words alone.
    #[must_use]
    pub fn text(content: impl Into<String>) -> Self {
        Self {
            content: content.into(),
            data: Map::new(),
        }
    }

    /// Adds one member to the data; a member of the same name is replaced.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.data.insert(name.into(), value.into());
        self
    }
}

fn null_is_nothing<'de, D: Deserializer<'de>>(data: D) -> Result<Map<String, Value>, D::Error> {
    Option::deserialize(data).map(Option::unwrap_or_default)
}
