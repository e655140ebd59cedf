use std::ops::Deref;
use std::sync::OnceLock;

use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

/// A value that is made JSON once, however often its JSON is needed; it reads as the value.
///
/// ```
/// use agent_orchestrator::{Rendered, Reply};
///
/// let reply = Rendered::from(Reply::text("hello"));
/// assert_eq!(reply.content, "hello");
/// assert_eq!(reply.json(), r#"{"content":"hello","data":{}}"#);
/// ```
#[derive(Debug)]
pub struct Rendered<T> {
    value: T,
    json: OnceLock<Box<RawValue>>,
}

impl<T: Serialize> Rendered<T> {
    /// The value as JSON.
    ///
    /// # Panics
    /// When a `Serialize` written by hand fails; no derived one of this crate's can.
    #[must_use]
    pub fn json(&self) -> &str {
        self.raw().get()
    }

    fn raw(&self) -> &RawValue {
        self.json.get_or_init(|| {
            let json = serde_json::value::to_raw_value(&self.value);
            json.expect("records have string keys and cannot fail to serialise")
        })
    }
}

impl<T> From<T> for Rendered<T> {
    fn from(value: T) -> Self {
        Self {
            value,
            json: OnceLock::new(),
        }
    }
}

impl<T> Deref for Rendered<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: PartialEq> PartialEq for Rendered<T> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl<T: Serialize> Serialize for Rendered<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.raw().serialize(serializer)
    }
}
