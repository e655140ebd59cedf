//! What an entry says for the router: keywords and examples.

use std::path::Path;

use crate::words::{Keyword, Pattern, Reader, Sign};

pub(super) fn keywords(place: &Reader<'_>) -> Vec<Keyword> {
    let items = place.items().unwrap_or_default();
    items.iter().filter_map(keyword).collect()
}

fn keyword(item: &Reader<'_>) -> Option<Keyword> {
    if item.is_string() {
        return Some(Keyword::from(phrase(item)?));
    }
    item.allow_only(&["phrase", "regex", "sign", "weight", "requires", "forbids"]);
    let weight = item.member("weight");
    let weight = weight.map_or(Some(1.0), |weight| weight.positive());
    let kinds = ["phrase", "regex", "sign"].map(|kind| item.member(kind));
    let pattern = match &kinds {
        [None, Some(place), None] => regex(place).map(Pattern::Regex),
        [None, None, Some(place)] => sign(place).map(Pattern::Sign),
        [_, None, None] => phrase(&item.required("phrase")?).map(Pattern::Phrase),
        _ => {
            let surplus = kinds.iter().flatten().last()?;
            surplus.fault("expected one of `phrase`, `regex` and `sign`");
            None
        }
    };
    let phrases = |name| {
        let places = item.member(name).and_then(|it| it.items());
        let places = places.unwrap_or_default();
        places.iter().filter_map(phrase).collect::<Vec<_>>()
    };
    let keyword = Keyword::of(pattern?, weight?);
    Some(
        keyword
            .requires(phrases("requires"))
            .forbids(phrases("forbids")),
    )
}

fn phrase(place: &Reader<'_>) -> Option<String> {
    let text = place.string()?;
    if text.trim().is_empty() {
        place.fault("expected a word or a phrase");
        return None;
    }
    Some(text.to_owned())
}

fn regex(place: &Reader<'_>) -> Option<String> {
    let text = place.string()?;
    match regex::Regex::new(text) {
        Ok(_) => Some(text.to_owned()),
        Err(error) => {
            place.fault(format!("expected a regular expression: {error}"));
            None
        }
    }
}

fn sign(place: &Reader<'_>) -> Option<Sign> {
    let name = place.string()?;
    let sign = Sign::named(name);
    if sign.is_none() {
        let names = Sign::ALL.map(Sign::name).join(", ");
        place.fault(format!("expected one of {names}"));
    }
    sign
}

/// The examples in the file that `examples_from` names, a line each; lines that begin with `#` are
/// remarks.
pub(super) fn examples(entry: &Reader<'_>, directory: &Path) -> Vec<String> {
    let Some(place) = entry.member("examples_from") else {
        return Vec::new();
    };
    let Some(name) = place.string() else {
        return Vec::new();
    };
    let path = directory.join(name);
    match std::fs::read_to_string(&path) {
        Ok(text) => {
            let lines = text.lines().map(str::trim);
            let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
            lines.map(|line| line.replace("\\n", "\n")).collect()
        }
        Err(error) => {
            place.fault(format!("{} cannot be read: {error}", path.display()));
            Vec::new()
        }
    }
}
