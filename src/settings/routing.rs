//! The sections `llm` and `routing` of `orchestrator.yaml`.

use std::time::Duration;

use super::Settings;
use super::keys::{boolean, seconds, set};
use crate::llm::LlmConfig;
use crate::words::Reader;

/// Where Ollama listens.
const USUAL_URL: &str = "http://127.0.0.1:11434/v1";
const USUAL_MODEL: &str = "llama3.2:3b";
const USUAL_KEY: &str = "OPENAI_API_KEY";

/// What holds where the files say nothing.
pub(super) fn usual_llm() -> LlmConfig {
    LlmConfig {
        base_url: USUAL_URL.parse().expect("it is a URL"),
        api_key: key(USUAL_KEY),
        routing_model: USUAL_MODEL.to_owned(),
        complex_routing_model: USUAL_MODEL.to_owned(),
        embedding_model: None,
        timeout: Duration::from_secs(30),
    }
}

pub(super) fn read_llm(place: &Reader<'_>, settings: &mut Settings) {
    place.allow_only(&[
        "enabled",
        "base_url",
        "api_key_env",
        "routing_model",
        "complex_routing_model",
        "embedding_model",
        "timeout_ms",
    ]);
    let mut llm = usual_llm();
    let text = |name| {
        place
            .member(name)
            .and_then(|it| it.string().map(str::to_owned))
    };
    if let Some(place) = place.member("base_url")
        && let Some(url) = place.string()
    {
        let url = url.parse().map_err(|problem: String| place.fault(problem));
        set(&mut llm.base_url, url.ok());
    }
    if let Some(name) = text("api_key_env") {
        llm.api_key = key(&name);
    }
    set(&mut llm.routing_model, text("routing_model"));
    // Whoever names one model means it for everything.
    llm.complex_routing_model.clone_from(&llm.routing_model);
    set(
        &mut llm.complex_routing_model,
        text("complex_routing_model"),
    );
    llm.embedding_model = text("embedding_model").filter(|model| model != "none");
    set(&mut llm.timeout, milliseconds(place, "timeout_ms"));
    settings.llm = (boolean(place, "enabled") != Some(false)).then_some(llm);
}

pub(super) fn read(place: &Reader<'_>, settings: &mut Settings) {
    place.allow_only(&[
        "llm_threshold",
        "llm_timeout_ms",
        "embedding_threshold",
        "embedding_timeout_ms",
        "cache_ttl",
        "cache_entries",
    ]);
    for (help, threshold, timeout) in [
        (&mut settings.advice, "llm_threshold", "llm_timeout_ms"),
        (
            &mut settings.embedding,
            "embedding_threshold",
            "embedding_timeout_ms",
        ),
    ] {
        let degree = place.member(threshold).and_then(|it| it.degree());
        set(&mut help.threshold, degree);
        set(&mut help.timeout, milliseconds(place, timeout));
    }
    set(&mut settings.memory.ttl, seconds(place, "cache_ttl"));
    let entries = place.member("cache_entries");
    let entries = entries.and_then(|it| it.integer(0..=100_000_000));
    set(&mut settings.memory.entries, entries);
}

fn milliseconds(place: &Reader<'_>, name: &str) -> Option<Duration> {
    let span = place.member(name)?.integer(1..=86_400_000)?;
    Some(Duration::from_millis(span))
}

/// A key is a secret, and comes from the environment alone.
fn key(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|key| !key.is_empty())
}
