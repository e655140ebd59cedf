//! Several agents at once.

use agent_orchestrator::Orchestrator;
use agent_orchestrator::pipeline::{ErrorType, Require};
use agent_orchestrator::prelude::*;
use agent_orchestrator::routing::Mode;

use crate::support::stage::{Stage, answer, app, both, mailbox, names, request, until_holding};

/// An agent that fails when the question names it, and crashes when it shouts its name.
fn touchy(name: &'static str) -> AgentSpec {
    AgentSpec::from_fn(name, move |task, _| async move {
        tokio::task::yield_now().await;
        let mut words = task.content.split(' ');
        assert!(!words.any(|word| word == name.to_uppercase()), "{name}");
        if task.content.split(' ').any(|word| word == name) {
            return Err(AgentError::failure(format!("{name} is named")));
        }
        Ok(Reply::text(format!("{name} is well")).with("by", name))
    })
}

/// An orchestrator of such agents, whose breakers stay out of it.
async fn house(agents: impl IntoIterator<Item = AgentSpec>) -> Orchestrator {
    let mut app = app(agents);
    app.settings_mut().house.breaker.enabled = false;
    app.start().await.unwrap()
}

fn parallel(agents: &[&str], content: &str, require: Require) -> OrchestrationRequest {
    OrchestrationRequest {
        mode: Some(Mode::Parallel),
        require,
        ..request(agents, content)
    }
}

#[actix_web::test]
async fn what_is_required_decides_whether_a_parallel_run_has_succeeded() {
    use Require::{All, Any, First, Quorum};
    let cases = [
        (All, "-", true),
        (All, "b", false),
        (Any, "-", true),
        (Any, "a b c", true),
        (Any, "a b c d", false),
        (First, "a b c", true),
        (First, "a b c d", false),
        (Quorum, "a", true),
        (Quorum, "a b", false),
        (Quorum, "a B c", false),
    ];
    let agents = ["a", "b", "c", "d"];
    let house = house(agents.map(touchy)).await;
    for (require, content, met) in cases {
        let case = format!("{require:?} {content}");
        match answer(&house, parallel(&agents, content, require)).await {
            Ok(_) => assert!(met, "{case}"),
            Err(problem) => {
                assert!(!met, "{case}");
                assert_eq!(problem.error_type(), ErrorType::AgentFailed, "{case}");
                let reached = problem.result().unwrap();
                assert_eq!(reached.mode, Mode::Parallel);
                assert!(!reached.failed_agents.is_empty(), "{case}");
                for agent in &reached.failed_agents {
                    assert!(problem.detail().contains(&**agent), "{problem}");
                }
            }
        }
    }
    house.shutdown().await;
}

#[actix_web::test]
async fn branches_fail_independently_and_each_is_reported() {
    let house = house(["a", "b", "c"].map(touchy)).await;
    let question = parallel(&["c", "b", "a"], "b", Require::Any);
    let answer = answer(&house, question).await.unwrap();
    let result = &answer.result;
    assert_eq!(result.mode, Mode::Parallel);
    assert_eq!(names(&answer.agents_used), ["c", "a"]);
    assert_eq!(names(&result.failed_agents), ["b"]);
    assert!((result.success_rate - 2.0 / 3.0).abs() < 1e-9);
    assert_eq!(result.content, "c: c is well\n\na: a is well");
    assert_eq!(result.final_result, None);

    let aggregated = result.aggregated_result.as_ref().unwrap();
    assert_eq!(aggregated.content, result.content);
    assert_eq!(aggregated.data["a"]["by"], "a");
    let branches = result.individual_results.as_ref().unwrap();
    assert_eq!(branches.len(), 3);
    let (well, failed) = (&branches["a"], &branches["b"]);
    assert_eq!((well.success, failed.success), (true, false));
    assert_eq!(well.result.as_ref().unwrap().content, "a is well");
    assert_eq!(well.error, None);
    assert_eq!(failed.result, None);
    assert!(failed.error.as_ref().unwrap().contains("b is named"));
    assert_eq!(&*failed.agent, "b");
    house.shutdown().await;
}

#[actix_web::test]
async fn a_branch_that_crashes_leaves_the_others_alone() {
    let house = house(["a", "b"].map(touchy)).await;
    let answer = answer(&house, parallel(&["a", "b"], "A", Require::Any)).await;
    let answer = answer.unwrap();
    let result = &answer.result;
    assert_eq!(result.content, "b is well");
    let crashed = &result.execution_chain[0];
    assert_eq!(crashed.error_type, Some(ErrorType::AgentCrashed));
    assert_eq!(names(&result.failed_agents), ["a"]);
    house.shutdown().await;
}

#[actix_web::test]
async fn branches_run_at_the_same_time() {
    let (a, b) = (Stage::new(), Stage::new());
    let house = house([a.agent("a"), b.agent("b")]).await;
    let asked = answer(&house, parallel(&["a", "b"], "wait", Require::All));
    let meanwhile = async {
        a.until_begun("wait").await;
        b.until_begun("wait").await;
        a.let_go(1);
        b.let_go(1);
    };
    let (answer, ()) = both(asked, meanwhile).await;
    assert!(answer.is_ok());
    house.shutdown().await;
}

#[actix_web::test]
async fn whoever_answers_first_ends_the_work_of_the_others() {
    let (slow, slower) = (Stage::new(), Stage::new());
    let agents = [slow.agent("slow"), slower.agent("slower"), touchy("wait")];
    let house = house(agents.into_iter().chain([touchy("quick")])).await;
    let run = parallel(&["slow", "wait", "quick", "slower"], "wait", Require::First);
    let answer = answer(&house, run).await.unwrap();
    assert_eq!(names(&answer.agents_used), ["quick"]);
    assert_eq!(answer.result.content, "quick is well");
    slow.until_all_dropped().await;
    slower.until_all_dropped().await;
    for agent in ["slow", "slower"] {
        until_holding(&mailbox(&house, agent, 0), 0, 0).await;
        let branches = answer.result.individual_results.as_ref().unwrap();
        assert!(!branches[agent].success);
        assert!(
            branches[agent]
                .error
                .as_ref()
                .unwrap()
                .contains("cancelled")
        );
    }
    let slow = &answer.result.execution_chain[0];
    assert_eq!(slow.instance.as_ref().unwrap().as_str(), "slow/0");
    assert_eq!(slow.attempts, 1);
    house.shutdown().await;
}

#[actix_web::test]
async fn who_was_cancelled_has_not_failed() {
    let slow = Stage::new();
    let house = house([slow.agent("slow"), touchy("b"), touchy("c")]).await;
    let run = parallel(&["slow", "b", "c"], "wait", Require::First);
    let asked = answer(&house, run);
    let answer = asked.await.unwrap();
    assert!(!answer.result.failed_agents.contains(&"slow".into()));
    assert!((answer.result.success_rate - 1.0).abs() < f64::EPSILON);
    house.shutdown().await;
}

#[actix_web::test]
async fn parallel_without_names_asks_all_that_fit() {
    let weather = touchy("a").keywords(["weather"]);
    let travel = touchy("b").keywords(["trip", "weather"]);
    let house = house([weather, travel, touchy("c").keywords(["soup"])]).await;
    let run = parallel(&[], "the weather on my trip", Require::All);
    let answer = answer(&house, run).await.unwrap();
    assert_eq!(names(&answer.agents_used), ["b", "a"]);
    house.shutdown().await;
}
