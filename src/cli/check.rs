use std::process::ExitCode;

use agent_orchestrator::settings::StateConfig;
use agent_orchestrator::{AgentSpec, App, StartError};

/// Prints what would run.
pub(super) fn print(app: &App) -> Result<ExitCode, StartError> {
    let specs = app.check()?;
    let settings = app.settings();
    let mut lines = vec![
        "The configuration is valid. This would run:".to_owned(),
        format!("  listening   {}", settings.server.listen),
        format!("  state       {}", state(&settings.state)),
        format!(
            "  fallback    {}, for what matches no agent",
            settings.fallback_agent
        ),
        format!("  agents      {}", specs.len()),
    ];
    lines.extend(specs.iter().map(|spec| format!("    {}", agent(spec))));
    super::print(&(lines.join("\n") + "\n"));
    Ok(ExitCode::SUCCESS)
}

fn state(state: &StateConfig) -> String {
    match state {
        StateConfig::Memory => "in memory, forgotten at exit".to_owned(),
        StateConfig::File(path) => format!("embedded, in {}", path.display()),
        StateConfig::Redis(config) => format!(
            "on the Redis server at {}, under {}",
            config.address(),
            config.prefix
        ),
    }
}

fn agent(spec: &AgentSpec) -> String {
    let card = spec.card();
    let plural = if spec.size() == 1 { "" } else { "s" };
    format!(
        "{:<20} {:<8} {} instance{plural}, {} keywords: {}",
        card.name,
        card.kind,
        spec.size(),
        card.keywords.len(),
        card.description
    )
}
