use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::Sign;

/// Something in a request that speaks for an agent, and how loudly.
///
/// ```
/// use agent_orchestrator::Keyword;
///
/// assert_eq!(Keyword::from("forecast").weight, 1.0);
/// let search = Keyword::weighted("search", 2.0).requires(["our"]).forbids(["web", "internet"]);
/// let sum = Keyword::regex(r"\d+ *[-+*/] *\d+");
/// assert_ne!(search, sum);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Keyword {
    /// What is looked for.
    pub pattern: Pattern,
    /// How much a match counts; 1 is ordinary.
    pub weight: f64,
    /// Words or phrases that all must be there, too, for it to count.
    pub requires: Vec<String>,
    /// Words or phrases none of which may be there.
    pub forbids: Vec<String>,
}

/// What is looked for in a request.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Pattern {
    /// One or more words: whole ones only, whatever their case, so that `hi` is not in `this`, and
    /// not where the request says that it is not wanted (`don't search, just ...`). A phrase of
    /// punctuation alone matches nothing.
    Phrase(String),
    /// A regular expression of the crate `regex`, anywhere in the request as it was written, whatever
    /// its case.
    Regex(String),
    /// Something that can be seen of the request, such as a path, or documents in its context.
    Sign(Sign),
}

impl Keyword {
    /// A phrase with a weight of its own.
    #[must_use]
    pub fn weighted(phrase: impl Into<String>, weight: f64) -> Self {
        Self::of(Pattern::Phrase(phrase.into()), weight)
    }

    /// A regular expression with the ordinary weight.
    #[must_use]
    pub fn regex(expression: impl Into<String>) -> Self {
        Self::of(Pattern::Regex(expression.into()), 1.0)
    }

    /// Something that can be seen of a request, with the ordinary weight.
    #[must_use]
    pub fn sign(sign: Sign) -> Self {
        Self::of(Pattern::Sign(sign), 1.0)
    }

    /// A pattern with a weight of its own.
    #[must_use]
    pub fn of(pattern: Pattern, weight: f64) -> Self {
        Self {
            pattern,
            weight,
            requires: Vec::new(),
            forbids: Vec::new(),
        }
    }

    /// Has it count only where all of these are, too.
    #[must_use]
    pub fn requires<T: Into<String>>(mut self, phrases: impl IntoIterator<Item = T>) -> Self {
        self.requires = phrases.into_iter().map(Into::into).collect();
        self
    }

    /// Has it count only where none of these are.
    #[must_use]
    pub fn forbids<T: Into<String>>(mut self, phrases: impl IntoIterator<Item = T>) -> Self {
        self.forbids = phrases.into_iter().map(Into::into).collect();
        self
    }
}

impl Pattern {
    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Phrase(text) | Self::Regex(text) => text,
            Self::Sign(sign) => sign.name(),
        }
    }
}

impl<T: Into<String>> From<T> for Keyword {
    fn from(phrase: T) -> Self {
        Self::weighted(phrase, 1.0)
    }
}

/// As in the configuration: a phrase alone, or all that is not ordinary beside it.
impl Serialize for Keyword {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[allow(clippy::float_cmp)] // exactly the default
        let ordinary = self.weight == 1.0;
        let alone = ordinary && self.requires.is_empty() && self.forbids.is_empty();
        let kind = match &self.pattern {
            Pattern::Phrase(phrase) if alone => return serializer.serialize_str(phrase),
            Pattern::Phrase(_) => "phrase",
            Pattern::Regex(_) => "regex",
            Pattern::Sign(_) => "sign",
        };
        let mut fields = serializer.serialize_map(None)?;
        fields.serialize_entry(kind, self.pattern.as_str())?;
        if !ordinary {
            fields.serialize_entry("weight", &self.weight)?;
        }
        for (name, phrases) in [("requires", &self.requires), ("forbids", &self.forbids)] {
            if !phrases.is_empty() {
                fields.serialize_entry(name, phrases)?;
            }
        }
        fields.end()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{json, to_value};

    use super::*;

    #[test]
    fn it_is_shown_as_it_is_configured() {
        let cases = [
            (Keyword::from("rain"), json!("rain")),
            (
                Keyword::weighted("rain", 2.0),
                json!({"phrase": "rain", "weight": 2.0}),
            ),
            (Keyword::regex("ra+in"), json!({"regex": "ra+in"})),
            (Keyword::sign(Sign::Path), json!({"sign": "path"})),
            (
                Keyword::from("search").requires(["our"]).forbids(["web"]),
                json!({"phrase": "search", "requires": ["our"], "forbids": ["web"]}),
            ),
        ];
        for (keyword, expected) in cases {
            assert_eq!(to_value(keyword).unwrap(), expected);
        }
    }
}
