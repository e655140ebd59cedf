//! What becomes of a task that its first instance does not answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use agent_orchestrator::judgement::Deadline;
use agent_orchestrator::mailbox::Claim;
use agent_orchestrator::pipeline::ErrorType;
use agent_orchestrator::prelude::*;
use agent_orchestrator::routing::Mode;
use agent_orchestrator::words::{Listener, RequestEvent};
use agent_orchestrator::{Answer, Orchestrator, RequestId};
use futures::future::{join, join_all};
use serde_json::{Value, json};

use crate::support::client::assert_has;
use crate::support::stage::{
    Stage, answer, app, ask, both, mailbox, names, request, start, until_holding,
};

type Answers = Result<Reply, AgentError>;

/// An agent that answers as the function says, which is told the number of the instance.
struct Told<F>(usize, F);

impl<F: Fn(usize, &str) -> Answers + 'static> Agent for Told<F> {
    async fn handle(&self, task: Task, _: &AgentContext) -> Answers {
        (self.1)(self.0, &task.content)
    }
}

fn told(
    name: &str,
    answers: impl Fn(usize, &str) -> Answers + Clone + Send + Sync + 'static,
) -> AgentSpec {
    AgentSpec::numbered(name, move |number| Told(number, answers.clone()))
}

/// Of three instances only the last answers.
fn two_of_three_bad(error: fn() -> AgentError) -> AgentSpec {
    let agent = told("a", move |number, _| match number {
        2 => Ok(Reply::text("at last")),
        _ => Err(error()),
    });
    agent.instances(3)
}

fn failing(name: &str) -> AgentSpec {
    told(name, |_, _| Err(AgentError::failure("out of order")))
}

fn good(name: &'static str) -> AgentSpec {
    told(name, move |_, _| Ok(Reply::text(format!("from {name}"))))
}

fn chain(answer: &Answer) -> Value {
    serde_json::to_value(&answer.result.execution_chain).unwrap()
}

/// How many of so many requests, one after the other, are answered.
async fn answered(house: &Orchestrator, count: usize) -> usize {
    let mut answered = 0;
    for _ in 0..count {
        answered += usize::from(ask(house, "a", "hello").await.is_ok());
    }
    answered
}

#[actix_web::test]
async fn what_is_safe_to_repeat_is_repeated_elsewhere_until_it_is_answered() {
    let agent = two_of_three_bad(|| AgentError::failure("out of order"));
    let house = start([agent.retry_safe(true)]).await;
    let mut most = 0;
    for _ in 0..10 {
        let answer = answer(&house, request(&["a"], "hello")).await.unwrap();
        assert_eq!(answer.result.content, "at last");
        let chain = chain(&answer);
        let step = &chain[0];
        assert_has(step, &json!({"instance": "a/2", "success": true}));
        let tried: Vec<Value> = step["tried"].as_array().cloned().unwrap_or_default();
        assert_eq!(step["attempts"], tried.len() + 1);
        for tried in &tried {
            assert_has(tried, &json!({"error_type": "AgentFailed"}));
            assert!(tried["error"].as_str().unwrap().contains("out of order"));
            assert!(tried["duration_ms"].is_f64());
        }
        most = most.max(tried.len());
    }
    assert!(most > 0, "the last was never the second");
    house.shutdown().await;
}

#[actix_web::test]
async fn what_was_begun_and_is_not_safe_to_repeat_is_not() {
    let agent = two_of_three_bad(|| AgentError::failure("out of order"));
    let house = start([agent]).await;
    let mut failures = 0;
    for _ in 0..30 {
        if let Err(problem) = answer(&house, request(&["a"], "hello")).await {
            let chain = &problem.result().unwrap().execution_chain;
            assert_eq!((chain.len(), chain[0].attempts), (1, 1));
            failures += 1;
        }
    }
    assert!(failures > 0);
    house.shutdown().await;
}

#[actix_web::test]
async fn what_was_not_begun_is_given_to_another_whatever_it_is() {
    let busy = || AgentError::busy("too much to do", None);
    let unreached = || AgentError::failure("cannot be reached").not_begun();
    for error in [busy, unreached] {
        let house = start([two_of_three_bad(error)]).await;
        assert_eq!(answered(&house, 20).await, 20);
        house.shutdown().await;
    }
}

#[actix_web::test]
async fn a_fault_of_the_question_is_the_same_everywhere() {
    let agent = two_of_three_bad(|| AgentError::user("no such city"));
    let house = start([agent.retry_safe(true).fallback(["b"]), good("b")]).await;
    let mut refused = 0;
    for _ in 0..20 {
        if let Err(problem) = answer(&house, request(&["a"], "hello")).await {
            let chain = &problem.result().unwrap().execution_chain;
            assert_eq!((chain.len(), chain[0].attempts), (1, 1));
            assert!(!problem.is_retryable());
            refused += 1;
        }
    }
    assert!(refused > 0);
    house.shutdown().await;
}

#[actix_web::test]
async fn where_there_is_no_other_the_same_instance_is_asked_again() {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let moody = told("a", move |_, _| {
        match counted.fetch_add(1, Ordering::SeqCst) {
            0 | 1 => Err(AgentError::failure("not yet")),
            _ => Ok(Reply::text("now")),
        }
    });
    let house = start([moody.retry_safe(true)]).await;
    assert_eq!(ask(&house, "a", "hello").await.as_deref(), Ok("now"));
    assert_eq!(calls.load(Ordering::SeqCst), 3);
    house.shutdown().await;
}

#[actix_web::test]
async fn no_agent_is_asked_more_than_three_times_for_a_request() {
    let house = start([failing("a").instances(5).retry_safe(true)]).await;
    let problem = answer(&house, request(&["a"], "hello")).await.unwrap_err();
    assert_eq!(problem.error_type(), ErrorType::AgentFailed);
    let step = &problem.result().unwrap().execution_chain[0];
    assert_eq!((step.attempts, step.tried.len()), (3, 3));
    house.shutdown().await;
}

#[actix_web::test]
async fn second_attempts_do_not_become_a_flood() {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let broken = told("a", move |_, _| {
        counted.fetch_add(1, Ordering::SeqCst);
        Err(AgentError::failure("out of order"))
    });
    let mut app = app([broken.instances(3).retry_safe(true)]);
    app.settings_mut().house.breaker.enabled = false;
    let house = app.start().await.unwrap();
    for _ in 0..200 {
        assert!(ask(&house, "a", "hello").await.is_err());
    }
    let calls = calls.load(Ordering::SeqCst);
    assert!(
        (201..=200 + 40 + 20).contains(&calls),
        "{calls} calls for 200 requests"
    );
    house.shutdown().await;
}

#[actix_web::test]
async fn an_agent_that_takes_no_work_is_stood_in_for() {
    let house = start([
        good("a").fallback(["b", "c"]),
        good("b").fallback(["d"]),
        good("c"),
        good("d"),
    ])
    .await;
    for (paused, stands_in, length) in [("a", "b", 2), ("b", "d", 3), ("d", "c", 4)] {
        house.pause(paused).await.unwrap();
        let answer = answer(&house, request(&["a"], "hello")).await.unwrap();
        assert_eq!(answer.result.content, format!("from {stands_in}"));
        assert_eq!(names(&answer.agents_used), [stands_in]);
        assert!((answer.result.success_rate - 1.0).abs() < 1e-9);
        let chain = chain(&answer);
        assert_eq!(chain.as_array().unwrap().len(), length);
        assert_has(
            &chain[0],
            &json!({"agent": "a", "success": false, "attempts": 0, "error_type": "AgentUnavailable"}),
        );
        assert_has(
            &chain[length - 1],
            &json!({"agent": stands_in, "success": true}),
        );
    }
    house.pause("c").await.unwrap();
    let refused = answer(&house, request(&["a"], "hello")).await.unwrap_err();
    assert_eq!(refused.error_type(), ErrorType::AgentUnavailable);
    assert!(refused.retry_after_seconds().is_some());
    assert!(refused.detail().contains("`a`"), "{refused}");
    house.shutdown().await;
}

#[actix_web::test]
async fn who_stands_in_is_named_and_heard() {
    let house = start([failing("a").retry_safe(true).fallback(["b"]), good("b")]).await;
    let (heard, listener) = listener();
    let asked = house
        .orchestrate_aloud(request(&["a"], "hello"), listener)
        .await;
    let answer = asked.unwrap();
    let chain = chain(&answer);
    assert_has(
        &chain[0],
        &json!({"agent": "a", "success": false, "attempts": 3}),
    );
    assert_has(
        &chain[1],
        &json!({"agent": "b", "fallback_for": "a", "success": true}),
    );
    assert_eq!(names(&answer.result.failed_agents), ["a"]);
    let told = heard.lock().unwrap().clone();
    assert_eq!(told, ["a started", "a failed", "b started", "b completed"]);
    house.shutdown().await;
}

type Heard = Arc<std::sync::Mutex<Vec<String>>>;

fn listener() -> (Heard, Listener) {
    let heard = Heard::default();
    let notes = Arc::clone(&heard);
    let note = move |event| {
        let said = match event {
            RequestEvent::AgentStarted { agent } => format!("{agent} started"),
            RequestEvent::AgentCompleted { agent, .. } => format!("{agent} completed"),
            RequestEvent::AgentFailed { agent, .. } => format!("{agent} failed"),
            _ => return,
        };
        notes.lock().unwrap().push(said);
    };
    (heard, Arc::new(note))
}

#[actix_web::test]
async fn what_must_not_be_done_twice_is_not_given_to_another_agent_either() {
    let house = start([failing("a").fallback(["b"]), good("b")]).await;
    assert_eq!(ask(&house, "a", "hello").await, Err(ErrorType::AgentFailed));
    house.shutdown().await;
}

#[actix_web::test]
async fn in_a_sequence_the_next_agent_gets_what_the_one_that_stood_in_has_said() {
    let reader = AgentSpec::from_fn("c", |_, cx| async move {
        let before = &cx.previous_results()[0];
        Ok(Reply::text(format!(
            "{}: {}",
            before.agent, before.result.content
        )))
    });
    let house = start([good("a").fallback(["b"]), good("b"), reader]).await;
    house.pause("a").await.unwrap();
    let sequence = OrchestrationRequest {
        mode: Some(Mode::Sequential),
        ..request(&["a", "c"], "hello")
    };
    let answer = answer(&house, sequence).await.unwrap();
    assert_eq!(answer.result.content, "b: from b");
    assert_eq!(names(&answer.agents_used), ["b", "c"]);
    house.shutdown().await;
}

#[actix_web::test]
async fn whoever_has_a_part_in_a_request_does_not_stand_in_for_another() {
    let agents = [
        good("a").fallback(["b"]),
        good("b"),
        good("c").fallback(["d"]),
        good("d"),
    ];
    let house = start(agents).await;
    house.pause("a").await.unwrap();
    house.pause("c").await.unwrap();
    let parallel = OrchestrationRequest {
        mode: Some(Mode::Parallel),
        ..request(&["a", "b", "c"], "hello")
    };
    let answer = answer(&house, parallel).await.unwrap();
    let mut used = names(&answer.agents_used);
    used.sort_unstable();
    assert_eq!(used, ["b", "d"]);
    assert_eq!(names(&answer.result.failed_agents), ["a", "c"]);
    house.shutdown().await;
}

#[actix_web::test]
async fn what_has_crashed_two_instances_is_given_to_nobody_else() {
    let agent = told("a", |_, _| panic!("boom")).instances(3);
    let house = start([agent.retry_safe(true).fallback(["b"]), good("b")]).await;
    let problem = answer(&house, request(&["a"], "hello")).await.unwrap_err();
    assert_eq!(problem.error_type(), ErrorType::AgentCrashed);
    let chain = &problem.result().unwrap().execution_chain;
    assert_eq!((chain.len(), chain[0].attempts), (1, 2));
    house.shutdown().await;
}

#[actix_web::test]
async fn agents_that_fall_back_in_a_circle_or_to_nobody_do_not_start() {
    for (agents, said) in [
        (
            vec![good("a").fallback(["b"]), good("b").fallback(["a"])],
            "`a` → `b` → `a`",
        ),
        (vec![good("a").fallback(["a"])], "`a` → `a`"),
        (
            vec![good("agent_a").fallback(["agent_c"]), good("agent_b")],
            "`agent_c`",
        ),
    ] {
        let Err(error) = app(agents).start().await else {
            panic!("it has started; expected: {said}");
        };
        let error = error.to_string();
        assert!(error.contains(said), "{error}");
    }
    let house = start([good("a")]).await;
    let lost = house
        .register(good("b").fallback(["nobody"]))
        .await
        .unwrap_err();
    assert_eq!(lost.error_type(), ErrorType::ValidationError);
    assert!(house.register(good("c").fallback(["a"])).await.is_ok());
    house.shutdown().await;
}

/// An agent of two instances, each of which takes its time as the task says.
fn hedged(stage: &Stage) -> AgentSpec {
    let stage = stage.clone();
    let agent = AgentSpec::from_fn("a", move |task, _| {
        let stage = stage.clone();
        async move {
            match task.content.parse() {
                Ok(ms) => actix_web::rt::time::sleep(Duration::from_millis(ms)).await,
                Err(_) => stage.wait().await,
            }
            Ok(Reply::text(task.content))
        }
    });
    agent.instances(2).retry_safe(true).hedge(true)
}

#[actix_web::test]
async fn a_second_instance_is_asked_when_the_first_takes_long_and_the_first_answer_counts() {
    let stage = Stage::new();
    let house = start([hedged(&stage)]).await;
    // Of times as different as these, none is out of the ordinary: nothing is hedged yet, and
    // enough first attempts are made to pay for one second attempt.
    for _ in 0..25 {
        for ms in ["1", "60"] {
            assert!(ask(&house, "a", ms).await.is_ok());
        }
    }
    let asked = answer(&house, request(&["a"], "wait"));
    let meanwhile = async {
        until_both_wait(&house).await;
        stage.let_go(1);
    };
    let (answer, ()) = both(asked, meanwhile).await;
    let chain = chain(&answer.unwrap());
    assert_has(&chain[0], &json!({"success": true, "attempts": 2}));
    let tried = &chain[0]["tried"];
    assert_ne!(tried[0]["instance"], chain[0]["instance"]);
    let left = tried[0]["error"].as_str().unwrap();
    assert!(left.contains("another instance answered first"), "{left}");
    stage.until_dropped(1).await;
    house.shutdown().await;
}

async fn until_both_wait(house: &Orchestrator) {
    for number in 0..2 {
        until_holding(&mailbox(house, "a", number), 1, 0).await;
    }
}

#[actix_web::test]
async fn hedging_what_is_not_safe_to_repeat_is_refused_at_the_start() {
    let unsafe_ = Stage::new().agent("a").hedge(true);
    let Err(error) = app([unsafe_]).start().await else {
        panic!("it has started");
    };
    assert!(error.to_string().contains("retry-safe"), "{error}");
}

#[actix_web::test]
async fn the_later_steps_of_a_sequence_are_never_refused_for_a_newcomer_and_come_before_it() {
    let (first, stage) = (Stage::new(), Stage::new());
    let narrow = stage.agent("b").concurrency(1).queue(1);
    let house = start([first.agent("a"), narrow]).await;
    let newcomers = join_all([ask(&house, "b", "wait 1"), ask(&house, "b", "newcomer")]);
    let sequence = OrchestrationRequest {
        mode: Some(Mode::Sequential),
        ..request(&["a", "b"], "later")
    };
    let later = async {
        until_holding(&mailbox(&house, "b", 0), 1, 1).await;
        assert_eq!(
            ask(&house, "b", "refused").await,
            Err(ErrorType::Overloaded)
        );
        answer(&house, sequence).await
    };
    let meanwhile = async {
        until_holding(&mailbox(&house, "b", 0), 1, 2).await;
        stage.let_go(1);
    };
    let ((newcomers, later), ()) = both(join(newcomers, later), meanwhile).await;
    assert!(newcomers.iter().all(Result::is_ok));
    assert!(later.is_ok());
    assert_eq!(stage.begun(), ["wait 1", "later", "newcomer"]);
    house.shutdown().await;
}

#[actix_web::test]
async fn when_the_queue_is_too_old_the_newest_comes_first() {
    let stage = Stage::new();
    let house = start([stage.agent("a").concurrency(1)]).await;
    let inbox = mailbox(&house, "a", 0);
    let now = Instant::now();
    let long_ago = now.checked_sub(Duration::from_secs(20)).unwrap();
    let deadline = Deadline::after(now, Duration::from_secs(10));
    let put = async |content: &str, since| {
        let lease = inbox.reserve(Claim::new(deadline), since).unwrap();
        let context = AgentContext::new("a", RequestId::new(), deadline.instant());
        lease.ask(Task::new(content), context).await
    };
    let held = put("wait", now);
    let others = async {
        until_holding(&inbox, 1, 0).await;
        let waiting = async {
            until_holding(&inbox, 1, 3).await;
            stage.let_go(1);
        };
        let all = [
            put("oldest", long_ago),
            put("older", long_ago),
            put("newest", now),
        ];
        both(join_all(all), waiting).await
    };
    join(held, others).await;
    assert_eq!(stage.begun(), ["wait", "newest", "older", "oldest"]);
    house.shutdown().await;
}
