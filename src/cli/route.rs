use std::process::ExitCode;

use agent_orchestrator::routing::Routing;
use agent_orchestrator::{App, StartError};

use super::Question;

/// Prints the routing decision for a text, as a table or as the API's object.
pub(super) fn print(app: &App, question: &Question) -> Result<ExitCode, StartError> {
    let strategy = app.settings().pipeline.routing_strategy;
    let routing = app.routes()?.route(&question.text, strategy);
    if question.json {
        super::print(&format!("{}\n", super::ask::pretty(&routing)));
    } else {
        super::print(&table(&routing));
    }
    Ok(ExitCode::SUCCESS)
}

fn table(routing: &Routing) -> String {
    let mut lines = vec![format!(
        "{} ({}, confidence {:.2}): {}",
        routing.primary_agent,
        routing.strategy.as_str(),
        routing.confidence,
        routing.reasoning
    )];
    if !routing.candidates.is_empty() {
        lines.push(format!("{:<24} {:>5}  signals", "candidate", "score"));
    }
    for candidate in &routing.candidates {
        lines.push(format!(
            "{:<24} {:>5.2}  {}",
            candidate.agent,
            candidate.score,
            candidate.signals.join(", ")
        ));
    }
    lines.join("\n") + "\n"
}
