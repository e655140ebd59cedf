//! Entries of `kind: llm`.

use crate::agents::llm::{LlmAgent, LlmAgentConfig, Models};
use crate::supervision::AgentSpec;
use crate::words::Reader;

const USUAL_TOKENS: u32 = 1000;

pub(super) fn spec(name: &str, config: &LlmAgentConfig, models: Option<&Models>) -> AgentSpec {
    let (config, models) = (config.clone(), models.cloned());
    let model = config
        .model
        .clone()
        .or_else(|| Some(models.as_ref()?.usual.clone()));
    let spec = AgentSpec::new(name, move || LlmAgent::new(config.clone(), models.clone()));
    match model {
        Some(model) => spec.model(model),
        None => spec,
    }
}

pub(super) fn read(entry: &Reader<'_>) -> Option<LlmAgentConfig> {
    let settings = entry.required("settings")?;
    settings.allow_only(&["system", "model", "max_tokens"]);
    let system = settings.required("system");
    let model = settings.member("model");
    let most = settings.member("max_tokens");
    let most = most.and_then(|it| it.integer(1..=1_000_000));
    Some(LlmAgentConfig {
        system: system?.string()?.trim().to_owned(),
        model: model.and_then(|it| it.string().map(str::to_owned)),
        max_tokens: most
            .and_then(|it| u32::try_from(it).ok())
            .unwrap_or(USUAL_TOKENS),
    })
}
