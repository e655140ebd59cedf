//! Reading a JSON tree that somebody wrote, so that every fault in it is found at once.
//!
//! Requests and configuration files go through the same door: a [`Reader`] stands at one place of
//! the tree, hands out what is right, and writes down what is wrong with where it stands.

use std::borrow::Cow;
use std::cell::RefCell;
use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use serde::Serialize;
use serde_json::{Map, Value};

/// As many faults are noted of one tree: nobody reads more, and whoever writes thousands means harm.
const MOST_FAULTS: usize = 100;

/// One thing that is wrong, where, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// Where it is, as a JSON pointer (RFC 6901): `/history/0/role`.
    pub pointer: String,
    /// What is wrong and what would be right.
    pub message: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.pointer, self.message)
    }
}

/// Stands at one place of a JSON tree.
///
/// Every method that finds something else than it was asked for notes a [`Fault`] and answers
/// `None`, so that reading goes on to the next member.
#[derive(Clone)]
pub struct Reader<'a> {
    value: &'a Value,
    pointer: String,
    faults: &'a RefCell<Vec<Fault>>,
}

impl<'a> Reader<'a> {
    /// Stands at the root of `value`, noting what is wrong in `faults`.
    pub fn new(value: &'a Value, faults: &'a RefCell<Vec<Fault>>) -> Self {
        Self {
            value,
            pointer: String::new(),
            faults,
        }
    }

    /// Notes a fault at this place, unless a hundred have been noted.
    pub fn fault(&self, message: impl Into<String>) {
        if self.has_seen_enough() {
            return;
        }
        self.faults.borrow_mut().push(Fault {
            pointer: self.pointer.clone(),
            message: message.into(),
        });
    }

    fn has_seen_enough(&self) -> bool {
        self.faults.borrow().len() >= MOST_FAULTS
    }

    /// The JSON pointer of this place; empty at the root.
    #[must_use]
    pub fn pointer(&self) -> &str {
        &self.pointer
    }

    /// The value itself, whatever it is.
    #[must_use]
    pub fn value(&self) -> &'a Value {
        self.value
    }

    /// Whether there is a string here.
    #[must_use]
    pub fn is_string(&self) -> bool {
        self.value.is_string()
    }

    /// Whether it is an object.
    #[must_use]
    pub fn is_object(&self) -> bool {
        self.value.is_object()
    }

    /// Notes every member that is not one of the `known` ones, or that this is no object at all.
    pub fn allow_only(&self, known: &[&str]) {
        let Some(object) = self.any_object() else {
            return;
        };
        for name in object.keys().filter(|name| !known.contains(&name.as_str())) {
            if self.has_seen_enough() {
                return;
            }
            let hint = match nearest(name, known) {
                Some(nearest) => format!("unknown member; did you mean `{nearest}`?"),
                None if known.is_empty() => "unknown member; none is known here".to_owned(),
                None => format!("unknown member; known are {}", listed(known)),
            };
            self.at(name).fault(hint);
        }
    }

    /// An object with any members.
    #[must_use]
    pub fn any_object(&self) -> Option<&'a Map<String, Value>> {
        self.expect(self.value.as_object(), "an object")
    }

    /// The member of that name; `None` where it is absent or null.
    #[must_use]
    pub fn member(&self, name: &str) -> Option<Self> {
        let value = self.value.get(name).filter(|value| !value.is_null())?;
        Some(Self {
            value,
            ..self.at(name)
        })
    }

    /// The member of that name, which must be there.
    #[must_use]
    pub fn required(&self, name: &str) -> Option<Self> {
        let member = self.member(name);
        if member.is_none() && self.value.is_object() {
            self.at(name).fault("expected, but missing");
        }
        member
    }

    /// All members of an object, by name.
    #[must_use]
    pub fn entries(&self) -> Option<Vec<(&'a str, Self)>> {
        let members = self.any_object()?.iter().map(|(name, value)| {
            let place = Self {
                value,
                ..self.at(name)
            };
            (name.as_str(), place)
        });
        Some(members.collect())
    }

    /// The elements of an array.
    #[must_use]
    pub fn items(&self) -> Option<Vec<Self>> {
        let items = self.expect(self.value.as_array(), "an array")?;
        let places = items.iter().enumerate().map(|(i, value)| Self {
            value,
            ..self.at(&i.to_string())
        });
        Some(places.collect())
    }

    /// A string.
    #[must_use]
    pub fn string(&self) -> Option<&'a str> {
        self.expect(self.value.as_str(), "a string")
    }

    /// An array of strings; elements of another kind are noted and left out.
    pub fn strings(&self) -> Option<Vec<String>> {
        let items = self.items()?;
        let strings = items.iter().filter_map(Self::string).map(str::to_owned);
        Some(strings.collect())
    }

    /// `true` or `false`.
    #[must_use]
    pub fn boolean(&self) -> Option<bool> {
        self.expect(self.value.as_bool(), "true or false")
    }

    /// A whole number within the bounds.
    #[must_use]
    pub fn integer(&self, bounds: RangeInclusive<u64>) -> Option<u64> {
        let wanted = if *bounds.end() == u64::MAX {
            format!("a whole number of at least {}", bounds.start())
        } else {
            format!("a whole number from {} to {}", bounds.start(), bounds.end())
        };
        let number = self.value.as_u64().filter(|n| bounds.contains(n));
        self.expect(number, &wanted)
    }

    /// A whole number of at least `least`, small enough to count things of this machine.
    #[must_use]
    pub fn count(&self, least: u32) -> Option<usize> {
        let number = self.integer(u64::from(least)..=1_000_000)?;
        usize::try_from(number).ok()
    }

    /// A span of time in seconds, from a millisecond to a hundred years.
    pub fn seconds(&self) -> Option<Duration> {
        const BOUNDS: RangeInclusive<f64> = 0.001..=3.2e9;
        let seconds = self.value.as_f64().filter(|s| BOUNDS.contains(s));
        self.expect(seconds, "a number of seconds from 0.001 to 3200000000")
            .map(Duration::from_secs_f64)
    }

    /// A number greater than zero.
    #[must_use]
    pub fn positive(&self) -> Option<f64> {
        let number = self.value.as_f64().filter(|n| *n > 0.0 && n.is_finite());
        self.expect(number, "a number greater than 0")
    }

    /// A part of a whole: more than 0, and at most 1.
    #[must_use]
    pub fn share(&self) -> Option<f64> {
        let share = self.value.as_f64().filter(|n| *n > 0.0 && *n <= 1.0);
        self.expect(share, "a number greater than 0 and at most 1")
    }

    /// A number from 0 to 1, both included.
    #[must_use]
    pub fn degree(&self) -> Option<f64> {
        let degree = self.value.as_f64().filter(|it| (0.0..=1.0).contains(it));
        self.expect(degree, "a number from 0 to 1")
    }

    /// One of the named choices.
    pub fn one_of<T: Copy>(&self, choices: &[(&str, T)]) -> Option<T> {
        let named = self.value.as_str();
        let chosen = choices.iter().find(|(name, _)| named == Some(name));
        let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
        self.expect(
            chosen.map(|(_, choice)| *choice),
            &format!("one of {}", listed(&names)),
        )
    }

    fn at(&self, name: &str) -> Self {
        let mut name = Cow::Borrowed(name);
        if name.contains(['~', '/']) {
            name = name.replace('~', "~0").replace('/', "~1").into();
        }
        Self {
            value: self.value,
            pointer: [&self.pointer, "/", &name].concat(),
            faults: self.faults,
        }
    }

    fn expect<T>(&self, found: Option<T>, wanted: &str) -> Option<T> {
        if found.is_none() {
            self.fault(format!("expected {wanted}, found {}", shown(self.value)));
        }
        found
    }
}

/// The known name that `name` was most likely meant to be, if one is near enough.
#[must_use]
pub fn nearest<'n>(name: &str, known: &[&'n str]) -> Option<&'n str> {
    known
        .iter()
        .map(|candidate| (strsim::jaro_winkler(name, candidate), *candidate))
        .filter(|(similarity, _)| *similarity > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

fn listed(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}

/// The value as a person would name it; long ones are cut.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Array(_) => "an array".to_owned(),
        Value::Object(_) => "an object".to_owned(),
        Value::String(text) if text.chars().count() > 40 => "a long string".to_owned(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_fault_is_found_at_once_with_its_place() {
        let value = json!({"nmae": "x", "list": ["a", 1], "n": 99, "kind": "blue"});
        let faults = RefCell::new(Vec::new());
        let root = Reader::new(&value, &faults);

        root.allow_only(&["name", "list", "n", "kind"]);
        assert_eq!(root.member("list").unwrap().strings().unwrap(), ["a"]);
        assert_eq!(root.member("n").unwrap().integer(1..=10), None);
        let kinds = [("red", 1), ("green", 2)];
        assert_eq!(root.member("kind").unwrap().one_of(&kinds), None);

        let found: Vec<String> = faults.borrow().iter().map(ToString::to_string).collect();
        assert_eq!(
            found,
            [
                "/nmae: unknown member; did you mean `name`?",
                "/list/1: expected a string, found 1",
                "/n: expected a whole number from 1 to 10, found 99",
                "/kind: expected one of `red`, `green`, found \"blue\"",
            ]
        );
    }

    #[test]
    fn faults_without_number_are_noted_up_to_a_hundred() {
        let names = (0..10_000).map(|n| (format!("unknown {n}"), Value::Null));
        let value = Value::Object(names.collect());
        let faults = RefCell::new(Vec::new());
        Reader::new(&value, &faults).allow_only(&["known"]);
        assert_eq!(faults.borrow().len(), 100);
    }

    #[test]
    fn pointers_escape_what_rfc_6901_reserves() {
        let value = json!({"a/b~c": 1});
        let faults = RefCell::new(Vec::new());
        Reader::new(&value, &faults).allow_only(&[]);
        assert_eq!(faults.borrow()[0].pointer, "/a~1b~0c");
    }
}
