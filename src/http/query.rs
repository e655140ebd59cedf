//! Reading the parameters of a query.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Display;
use std::ops::RangeInclusive;

use crate::pipeline::{Paging, Problem};
use crate::words::{Fault, RequestId};

/// The parameters of a query, by name.
pub(super) type Parameters = BTreeMap<String, String>;

/// Parameters that are read, and what was wrong with them.
pub(super) struct Reading<'a> {
    query: &'a Parameters,
    faults: RefCell<Vec<Fault>>,
}

/// Reads a query that has no parameters but those.
///
/// # Errors
/// A `ValidationError` naming every fault at once.
pub(super) fn read<T>(
    query: &Parameters,
    known: &[&str],
    read: impl FnOnce(&Reading<'_>) -> T,
) -> Result<T, Problem> {
    let reading = Reading {
        query,
        faults: RefCell::default(),
    };
    let listed: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
    for name in query.keys().filter(|name| !known.contains(&&***name)) {
        let are = if known.len() == 1 { "is" } else { "are" };
        let message = format!("unknown parameter; known {are} {}", listed.join(", "));
        reading.fault(name, message);
    }
    let value = read(&reading);
    let faults = reading.faults.into_inner();
    if faults.is_empty() {
        Ok(value)
    } else {
        Err(Problem::invalid(faults))
    }
}

/// How many items a page has that does not say.
const USUAL_PAGE: usize = 20;
const LONGEST_PAGE: u64 = 100;

impl<'a> Reading<'a> {
    /// The text of a parameter.
    pub(super) fn text(&self, name: &str) -> Option<&'a str> {
        self.query.get(name).map(String::as_str)
    }

    /// A whole number.
    pub(super) fn integer(&self, name: &str, within: RangeInclusive<u64>) -> Option<u64> {
        let number = self.text(name)?.parse().ok();
        let number = number.filter(|number| within.contains(number));
        if number.is_none() {
            let (least, most) = (within.start(), within.end());
            self.fault(
                name,
                format!("expected a whole number from {least} to {most}"),
            );
        }
        number
    }

    /// One of those names.
    pub(super) fn one_of<T: Copy>(&self, name: &str, names: &[(&str, T)]) -> Option<T> {
        let text = self.text(name)?;
        let found = names.iter().find(|(known, _)| *known == text);
        if found.is_none() {
            let known: Vec<&str> = names.iter().map(|(known, _)| *known).collect();
            self.fault(name, format!("expected one of: {}", known.join(", ")));
        }
        found.map(|(_, value)| *value)
    }

    /// Which part of a list is asked for, by `limit` and `cursor`.
    pub(super) fn paging(&self) -> Paging {
        let limit = self.integer("limit", 1..=LONGEST_PAGE);
        let limit = limit.and_then(|it| usize::try_from(it).ok());
        let cursor = self.text("cursor");
        let before = cursor.and_then(RequestId::parse);
        if cursor.is_some() && before.is_none() {
            self.fault("cursor", "expected the `next_cursor` of an earlier page");
        }
        Paging {
            before,
            limit: limit.unwrap_or(USUAL_PAGE),
        }
    }

    fn fault(&self, name: &str, message: impl Display) {
        self.faults.borrow_mut().push(Fault {
            pointer: format!("/{name}"),
            message: message.to_string(),
        });
    }
}
