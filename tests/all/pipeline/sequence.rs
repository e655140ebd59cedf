//! One agent alone, and one after another.

use agent_orchestrator::pipeline::ErrorType;
use agent_orchestrator::prelude::*;
use agent_orchestrator::routing::Mode;
use agent_orchestrator::{Answer, OnFailure, Problem, Role, Turn};
use serde_json::{Value, json};

use crate::support::stage::{Stage, answer, names, request, start};

/// Answers with its name and with what the agents before it have answered.
fn scribe(name: &'static str) -> AgentSpec {
    AgentSpec::from_fn(name, move |task, cx| async move {
        let before = cx.previous_results().iter();
        let before: Vec<String> = before
            .map(|it| format!("{}={}", it.agent, it.result.content))
            .collect();
        let content = format!("{name}({})[{}]", task.content, before.join(" "));
        Ok(Reply::text(content).with("by", name))
    })
}

fn failing(name: &'static str) -> AgentSpec {
    AgentSpec::from_fn(name, move |_, _| async move {
        Err(AgentError::failure("out of order"))
    })
}

async fn outcome(
    agents: impl IntoIterator<Item = AgentSpec>,
    request: OrchestrationRequest,
) -> Result<Answer, Problem> {
    let house = start(agents).await;
    let outcome = answer(&house, request).await;
    house.shutdown().await;
    outcome
}

fn chain(answer: &Answer) -> Vec<(&str, bool)> {
    let steps = answer.result.execution_chain.iter();
    steps.map(|step| (&*step.agent, step.success)).collect()
}

#[actix_web::test]
async fn one_agent_answers_alone() {
    let question = OrchestrationRequest {
        metadata: [("team".to_owned(), "north".to_owned())].into(),
        ..request(&["a"], "  hello ")
    };
    let answer = outcome([scribe("a")], question).await.unwrap();
    assert!(answer.success);
    assert_eq!(answer.result.content, "a(hello)[]");
    assert_eq!(answer.result.mode, Mode::Single);
    assert_eq!(names(&answer.agents_used), ["a"]);
    assert_eq!(answer.metadata["team"], "north");
    assert_eq!(answer.result.final_result, None);
    assert_eq!(answer.result.individual_results, None);
    let [step] = &answer.result.execution_chain[..] else {
        panic!("{answer:?}");
    };
    assert_eq!(step.instance.as_ref().unwrap().as_str(), "a/0");
    assert_eq!(step.attempts, 1);
    let data = &step.result.as_ref().unwrap().data;
    assert_eq!(Value::from(data.clone()), json!({"by": "a"}));
    assert!((answer.result.success_rate - 1.0).abs() < f64::EPSILON);
}

#[actix_web::test]
async fn several_agents_work_in_sequence_each_with_the_results_before_it() {
    let turn = Turn {
        role: Role::User,
        content: "earlier".to_owned(),
    };
    let question = OrchestrationRequest {
        history: vec![turn.clone()],
        context: [("city".to_owned(), json!("Oslo"))].into_iter().collect(),
        user_context: [("name".to_owned(), json!("Ada"))].into_iter().collect(),
        ..request(&["c", "a", "b"], "x")
    };
    let agents = ["a", "b", "c"].map(scribe);
    let answer = outcome(agents, question).await.unwrap();
    let said = [
        "c(x)[]",
        "a(x)[c=c(x)[]]",
        "b(x)[c=c(x)[] a=a(x)[c=c(x)[]]]",
    ];
    assert_eq!(answer.result.mode, Mode::Sequential);
    assert_eq!(answer.result.content, said[2]);
    assert_eq!(chain(&answer), [("c", true), ("a", true), ("b", true)]);

    let last = answer.result.final_result.as_ref().unwrap();
    assert_eq!(last.content, "x");
    assert_eq!(last.history, [turn]);
    assert_eq!(last.context["city"], "Oslo");
    assert_eq!(last.user_context["name"], "Ada");
    let previous = last.previous_results.iter();
    let previous: Vec<_> = previous
        .map(|it| (&*it.agent, it.result.content.as_str()))
        .collect();
    assert_eq!(previous, [("c", said[0]), ("a", said[1]), ("b", said[2])]);
    assert!(last.previous_results.is_sorted_by_key(|it| it.timestamp));
}

#[actix_web::test]
async fn what_a_failure_in_a_sequence_does_says_the_request_or_else_the_agent() {
    use OnFailure::{Continue, Stop};
    let cases = [
        (None, Stop, false),
        (None, Continue, true),
        (Some(Stop), Continue, false),
        (Some(Continue), Stop, true),
    ];
    for (asked, configured, goes_on) in cases {
        let case = format!("{asked:?} {configured:?}");
        let agents = [
            scribe("a"),
            failing("b").on_failure(configured),
            scribe("c"),
        ];
        let question = OrchestrationRequest {
            on_failure: asked,
            ..request(&["a", "b", "c"], "x")
        };
        match outcome(agents, question).await {
            Ok(answer) => {
                assert!(goes_on, "{case}");
                assert_eq!(answer.result.content, "c(x)[a=a(x)[]]");
                assert_eq!(chain(&answer), [("a", true), ("b", false), ("c", true)]);
                assert_eq!(names(&answer.agents_used), ["a", "c"]);
                assert_eq!(names(&answer.result.failed_agents), ["b"]);
                assert!((answer.result.success_rate - 2.0 / 3.0).abs() < 1e-9);
            }
            Err(problem) => {
                assert!(!goes_on, "{case}");
                assert_eq!(problem.error_type(), ErrorType::AgentFailed);
                assert!(problem.detail().contains("out of order"), "{problem}");
                let reached = problem.result().unwrap();
                assert_eq!(reached.execution_chain.len(), 2, "{case}");
                assert_eq!(reached.content, "a(x)[]");
                assert_eq!(names(&reached.failed_agents), ["b"]);
            }
        }
    }
}

#[actix_web::test]
async fn a_sequence_in_which_nobody_answers_has_failed() {
    let question = OrchestrationRequest {
        on_failure: Some(OnFailure::Continue),
        ..request(&["a", "b"], "x")
    };
    let problem = outcome(["a", "b"].map(failing), question)
        .await
        .unwrap_err();
    assert_eq!(problem.error_type(), ErrorType::AgentFailed);
    assert_eq!(names(&problem.result().unwrap().failed_agents), ["a", "b"]);
}

#[actix_web::test]
async fn a_crash_in_a_sequence_is_told_as_what_it_was() {
    let stage = Stage::new();
    let agents = [scribe("a"), stage.agent("b")];
    let question = request(&["a", "b"], "boom");
    let problem = outcome(agents, question).await.unwrap_err();
    assert_eq!(problem.error_type(), ErrorType::AgentCrashed);
    let document = serde_json::to_value(&problem).unwrap();
    assert_eq!(document["status"], 502);
    assert_eq!(document["agent"], "b");
    assert_eq!(
        document["result"]["execution_chain"][1]["error_type"],
        "AgentCrashed"
    );
}
