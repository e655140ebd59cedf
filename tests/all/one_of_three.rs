//! One of an agent's three services is bad, each a process of its own, and clients hardly notice.
//!
//! Of an agent that may be asked again, at least 999 of 1000 requests are answered. Of one that
//! may not, only those fail that the bad service had begun, and those are few, for its breaker
//! opens.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::future::join_all;
use serde_json::{Value, json};

use crate::support::client::Client;
use crate::support::config::{CHAT, agents};
use crate::support::server::Process;
use crate::support::service::Manner;

const CLIENTS: usize = 16;

/// As many tasks a service works on at once.
const SLOTS: usize = 8;

/// An orchestrator with an agent at three services, of which the first is bad.
struct Scene {
    client: Client,
    services: Vec<Process>,
    _orchestrator: Process,
    _config: tempfile::TempDir,
}

/// What came of a request.
struct Outcome {
    status: u16,
    body: Value,
}

impl Scene {
    fn set(bad: Manner, retry_safe: bool) -> Self {
        let services: Vec<Process> = [bad, Manner::Well, Manner::Well]
            .into_iter()
            .map(Manner::start)
            .collect();
        let urls: Vec<String> = services
            .iter()
            .map(|it| format!("\"{}\"", it.url("/")))
            .collect();
        let agent = format!(
            "{{name: a, kind: http, urls: [{}], timeout_ms: 1000, retry_safe: {retry_safe}, \
             concurrency: {SLOTS}}}",
            urls.join(", ")
        );
        let config = agents(&[CHAT, &agent]);
        let orchestrator = Process::orchestrator(config.path(), &[]);
        Self {
            client: Client::of(&orchestrator),
            services,
            _orchestrator: orchestrator,
            _config: config,
        }
    }

    /// So many requests, of some clients at once; what did not succeed. The first service is
    /// killed after so many.
    async fn ask(&self, requests: usize, killed_after: Option<usize>) -> Vec<Outcome> {
        let next = Arc::new(AtomicUsize::new(0));
        let clients = (0..CLIENTS).map(|_| async {
            let mut failures = Vec::new();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= requests {
                    return failures;
                }
                if Some(number) == killed_after {
                    self.services[0].signal("KILL");
                }
                let body = json!({"content": "hello", "agents": ["a"]});
                let answer = self.client.ask(&body).await;
                if answer.status != 200 {
                    failures.push(Outcome {
                        status: answer.status,
                        body: answer.json(answer.status),
                    });
                }
            }
        });
        join_all(clients).await.into_iter().flatten().collect()
    }
}

async fn clients_of_what_may_be_asked_again_hardly_notice(
    bad: Manner,
    killed_after: Option<usize>,
) {
    const REQUESTS: usize = 3000;
    let scene = Scene::set(bad, true);
    let failures = scene.ask(REQUESTS, killed_after).await;
    let said: Vec<&Value> = failures.iter().map(|it| &it.body["detail"]).collect();
    assert!(
        failures.len() <= REQUESTS / 1000,
        "{} failed: {said:?}",
        failures.len()
    );
}

/// `runs`: how often the breaker may be closed and the service be bad.
async fn of_what_may_not_only_what_was_begun_fails(
    bad: Manner,
    killed_after: Option<usize>,
    runs: usize,
) {
    let scene = Scene::set(bad, false);
    let failures = scene.ask(2000, killed_after).await;
    for Outcome { status, body } in &failures {
        assert!([502, 504].contains(status), "{body:#}");
        let step = &body["result"]["execution_chain"][0];
        assert_eq!(step["instance"], "a/0", "{body:#}");
        assert_eq!(step["tried"].as_array().unwrap().len(), 1, "{body:#}");
    }
    let failed = failures.len();
    let most = (5 + SLOTS) * runs + 3;
    assert!(
        failed <= most,
        "{failed} failed, at most {most} can have been begun"
    );
    if bad != Manner::Well {
        assert!(
            failed >= 5,
            "{failed} failed: the bad service was not asked"
        );
    }
}

macro_rules! scenes {
    ($($name:ident: $bad:expr, $killed_after:expr, $runs:expr;)*) => {$(
        mod $name {
            use super::*;

            #[actix_web::test]
            async fn clients_of_what_may_be_asked_again_hardly_notice() {
                super::clients_of_what_may_be_asked_again_hardly_notice($bad, $killed_after).await;
            }

            #[actix_web::test]
            async fn of_what_may_not_only_what_was_begun_fails() {
                super::of_what_may_not_only_what_was_begun_fails($bad, $killed_after, $runs).await;
            }
        }
    )*};
}

scenes! {
    one_that_is_far_too_slow: Manner::Slowly, None, 1;
    one_that_fails_by_turns: Manner::ByTurns, None, 3;
    one_that_never_answers: Manner::Never, None, 1;
    one_that_talks_nonsense: Manner::Nonsense, None, 1;
    one_that_closes_halfway: Manner::Halfway, None, 1;
    one_that_is_killed: Manner::Well, Some(500), 1;
}
