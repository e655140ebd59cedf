use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::sync::Arc;

use agent_orchestrator::settings::StateConfig;
use agent_orchestrator::{App, Listener, OrchestrationRequest, Problem, RequestEvent, StartError};
use serde::Serialize;

use super::Question;

/// Has one text answered, and prints the answer to standard output, an error to standard error.
pub(super) async fn print(mut app: App, question: Question) -> Result<ExitCode, StartError> {
    // One question leaves no trace, and a server may have the state's file open.
    app.settings_mut().state = StateConfig::Memory;
    let orchestrator = app.start().await?;
    let request = OrchestrationRequest::new(question.text);
    let answered = orchestrator.orchestrate_aloud(request, murmur()).await;
    orchestrator.shutdown().await;
    Ok(match answered {
        Ok(answer) if question.json => printed(&pretty(&*answer), ExitCode::SUCCESS),
        Ok(answer) => printed(&answer.result.content, ExitCode::SUCCESS),
        Err(problem) if question.json => printed(&pretty(&problem), ExitCode::FAILURE),
        Err(problem) => {
            eprintln!("error: {}", explained(&problem));
            ExitCode::FAILURE
        }
    })
}

fn printed(text: &str, code: ExitCode) -> ExitCode {
    super::print(&format!("{text}\n"));
    code
}

fn explained(problem: &Problem) -> String {
    match problem.retry_after_seconds() {
        Some(seconds) => format!("{problem} (try again in {seconds} s)"),
        None => problem.to_string(),
    }
}

/// Shows a person what agents say before they have finished.
fn murmur() -> Listener {
    let person = std::io::stderr().is_terminal();
    Arc::new(move |event| {
        if let RequestEvent::AgentDelta { agent, text } = event
            && person
        {
            // A person who looks away misses nothing: the answer comes whole.
            let _ = writeln!(std::io::stderr(), "{agent}: {text}");
        }
    })
}

/// The object as the API would send it, for people.
pub(super) fn pretty(value: &impl Serialize) -> String {
    serde_json::to_string_pretty(value).expect("answers have string keys and always serialise")
}
