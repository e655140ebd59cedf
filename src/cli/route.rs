use std::process::ExitCode;
use std::time::{Duration, Instant};

use agent_orchestrator::routing::{self, Plan, Routing};
use agent_orchestrator::{App, StartError};

use super::Question;

/// Prints the routing decision for a text, as a table or as the API's object.
pub(super) async fn print(app: &App, question: &Question) -> Result<ExitCode, StartError> {
    let routes = app.routes()?;
    let config = &app.settings().pipeline;
    let asked = routing::Question {
        strategy: config.routing_strategy,
        ..routing::Question::new(question.text.trim())
    };
    let began = Instant::now();
    let plan = routes.decide(&asked, config.request_timeout).await;
    let (plan, took) = (plan.expect("nobody is forbidden anything"), began.elapsed());
    super::print(&if question.json {
        format!("{}\n", super::ask::pretty(&*plan.routing))
    } else {
        table(&plan, took)
    });
    Ok(ExitCode::SUCCESS)
}

fn table(plan: &Plan, took: Duration) -> String {
    let routing: &Routing = &plan.routing;
    let mut lines = vec![format!(
        "{} ({}, confidence {:.2}): {}",
        routing.primary_agent,
        routing.strategy.as_str(),
        routing.confidence,
        routing.reasoning
    )];
    for (agent, part) in plan.agents.iter().zip(&plan.parts) {
        lines.push(format!("  {agent} is asked: {part}"));
    }
    if let Some(reason) = &routing.fallback_reason {
        lines.push(format!("  {reason}"));
    }
    if !routing.candidates.is_empty() {
        lines.push(format!("{:<24} {:>5}  signals", "candidate", "score"));
    }
    for candidate in routing.candidates.iter() {
        let signals: Vec<String> = candidate.signals.iter().map(ToString::to_string).collect();
        lines.push(format!(
            "{:<24} {:>5.2}  {}",
            candidate.agent,
            candidate.score,
            signals.join(", ")
        ));
    }
    lines.push(times(routing, took));
    lines.join("\n") + "\n"
}

/// How long deciding took, and what of that a language model.
fn times(routing: &Routing, took: Duration) -> String {
    let micros = took.as_micros();
    match &routing.llm {
        Some(advice) => format!(
            "decided in {micros} µs, of which the language model {} took {:.0} ms",
            advice.model, advice.took_ms
        ),
        None => format!("decided in {micros} µs"),
    }
}
