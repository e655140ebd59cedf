//! Puts what was found into words and data, or says that nothing was.

use serde_json::{Value, json};

use super::index::Hit;
use super::library::Catalogue;
use crate::words::Reply;

/// The best passage with its source, and the data of them all.
pub(super) fn reply(catalogue: &Catalogue, hits: &[Hit]) -> Reply {
    let content = match hits.first() {
        Some(best) => format!("{}\n\nSource: {}", best.passage.text, source(best)),
        None => nothing_found(catalogue),
    };
    let passages: Vec<Value> = hits.iter().map(shown).collect();
    Reply::text(content).with("passages", passages)
}

fn nothing_found(catalogue: &Catalogue) -> String {
    let plural = if catalogue.documents == 1 { "" } else { "s" };
    let nothing = format!(
        "Nothing in {} document{plural} matches",
        catalogue.documents
    );
    match &catalogue.trouble {
        Some(trouble) => format!("{nothing}: {trouble}."),
        None => format!("{nothing}."),
    }
}

fn source(hit: &Hit) -> String {
    let Hit { path, passage, .. } = hit;
    match passage.heading.as_str() {
        "" => format!("{path} (line {})", passage.line),
        heading => format!("{path}, \"{heading}\" (line {})", passage.line),
    }
}

fn shown(hit: &Hit) -> Value {
    let heading = Some(&hit.passage.heading).filter(|heading| !heading.is_empty());
    json!({
        "text": hit.passage.text,
        "source": {"path": hit.path, "heading": heading, "line": hit.passage.line},
        "score": rounded(hit.score),
    })
}

/// Three decimals are more than a score means, and what a person can read.
fn rounded(score: f32) -> f64 {
    (f64::from(score) * 1000.0).round() / 1000.0
}
