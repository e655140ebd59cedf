use std::process::ExitCode;

use agent_orchestrator::settings::StateConfig;
use agent_orchestrator::{AgentSpec, App, StartError};

/// Prints what would run.
pub(super) fn print(app: &App) -> Result<ExitCode, StartError> {
    let specs = app.check()?;
    let settings = app.settings();
    println!("The configuration is valid. This would run:");
    println!("  listening   {}", settings.server.listen);
    println!("  state       {}", state(&settings.state));
    println!(
        "  fallback    {}, for what matches no agent",
        settings.fallback_agent
    );
    println!("  agents      {}", specs.len());
    for spec in &specs {
        println!("    {}", agent(spec));
    }
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
