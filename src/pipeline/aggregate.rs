//! Makes one answer of what the agents did, or one problem.

use std::collections::BTreeMap;

use super::answer::{AnswerBody, Branch, FinalResult, ResultBody};
use super::execute::{Execution, Part, Step};
use super::record::Times;
use super::{ErrorType, OrchestrationRequest, Problem};
use crate::routing::{Mode, Plan};
use crate::words::{AgentName, Reply, RequestId, milliseconds, seconds};

pub(super) fn conclude(
    id: RequestId,
    plan: Plan,
    execution: Execution,
    times: &Times,
    request: OrchestrationRequest,
) -> Result<AnswerBody, Problem> {
    let (success, inside) = (execution.success, execution.inside);
    let problems: Vec<Problem> = execution.parts.iter().filter_map(Part::problem).collect();
    let result = body(plan.mode, execution);
    if !success {
        return Err(problem(&problems, result));
    }
    Ok(AnswerBody {
        success: true,
        request_id: id,
        session_id: request.session_id,
        agents_used: named(&result, |step| step.success),
        result,
        routing: plan.routing,
        execution_time: seconds(times.whole),
        routing_time_ms: milliseconds(times.routing),
        execution_time_ms: milliseconds(times.execution()),
        overhead_ms: milliseconds(times.whole.saturating_sub(inside)),
        metadata: request.metadata,
    })
}

fn body(mode: Mode, execution: Execution) -> ResultBody {
    let judged = execution.parts.iter().filter(|part| !part.was_cancelled());
    let judged = judged.count();
    let mut steps: Vec<Step> = Vec::with_capacity(execution.parts.len());
    steps.extend(execution.parts.into_iter().flat_map(Part::into_steps));
    let answered = steps.iter().filter(|step| step.success).count();
    let mut body = ResultBody {
        content: String::new(),
        mode,
        execution_chain: steps,
        failed_agents: Vec::new(),
        success_rate: share(answered, judged),
        final_result: None,
        aggregated_result: None,
        individual_results: None,
    };
    body.failed_agents = named(&body, |step| !step.success && !step.was_cancelled());
    match mode {
        Mode::Single => body.content = last_words(&body.execution_chain),
        Mode::Sequential => {
            body.content = last_words(&body.execution_chain);
            body.final_result = Some(FinalResult {
                content: execution.task.content,
                context: execution.task.context,
                history: execution.task.history,
                user_context: execution.task.user_context,
                previous_results: execution.previous_results,
            });
        }
        Mode::Parallel => {
            let aggregated = together(&body.execution_chain);
            body.content.clone_from(&aggregated.content);
            body.aggregated_result = Some(aggregated);
            body.individual_results = Some(branches(&body.execution_chain));
        }
    }
    body
}

/// A run of several agents that failed is one failure, with what was reached attached; a single
/// agent's own problem says more than that.
fn problem(problems: &[Problem], result: ResultBody) -> Problem {
    let blamed = match result.mode {
        Mode::Parallel => None,
        Mode::Single | Mode::Sequential => problems.last().cloned(),
    };
    let problem = blamed.unwrap_or_else(|| {
        let details: Vec<&str> = problems.iter().map(Problem::detail).collect();
        let detail = format!("too few agents answered: {}", details.join("; "));
        let retryable = problems.iter().any(Problem::is_retryable);
        Problem::new(ErrorType::AgentFailed, detail).retryable(retryable)
    });
    problem.with_result(result)
}

fn named(result: &ResultBody, wanted: impl Fn(&Step) -> bool) -> Vec<AgentName> {
    let steps = result.execution_chain.iter().filter(|step| wanted(step));
    steps.map(|step| step.agent.clone()).collect()
}

fn last_words(steps: &[Step]) -> String {
    let mut replies = steps.iter().filter_map(|step| step.result.as_ref());
    replies
        .next_back()
        .map_or_else(String::new, |reply| reply.content.clone())
}

/// One answer speaks for itself; several are set one below the other, each under its agent's name.
fn together(steps: &[Step]) -> Reply {
    let replies: Vec<(&AgentName, &Reply)> = steps
        .iter()
        .filter_map(|step| Some((&step.agent, step.result.as_ref()?)))
        .collect();
    match replies.as_slice() {
        [] => Reply::default(),
        [(_, only)] => (*only).clone(),
        several => {
            let parts = several.iter().map(|(agent, reply)| {
                let Reply { content, .. } = reply;
                format!("{agent}: {content}")
            });
            let data = several
                .iter()
                .map(|(agent, reply)| (agent.to_string(), reply.data.clone().into()));
            Reply {
                content: parts.collect::<Vec<_>>().join("\n\n"),
                data: data.collect(),
            }
        }
    }
}

fn branches(steps: &[Step]) -> BTreeMap<AgentName, Branch> {
    let branch = |step: &Step| {
        let branch = Branch {
            success: step.success,
            result: step.result.clone(),
            error: step.error.clone(),
            agent: step.agent.clone(),
        };
        (step.agent.clone(), branch)
    };
    steps.iter().map(branch).collect()
}

#[allow(clippy::cast_precision_loss)] // a run has at most 16 agents
fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 {
        return 0.0;
    }
    part as f64 / whole as f64
}
