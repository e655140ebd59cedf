//! Those who ask, and the book that is kept of what they hear.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use agent_orchestrator::{OrchestrationRequest, Orchestrator};
use serde_json::{Value, json};

use crate::world::{HOPELESS, KINDS, STRATEGIES, name};

/// Whoever hears nothing for so long hears nothing at all.
const SILENCE: Duration = Duration::from_secs(60);

/// What a caller hears.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    Answered,
    /// Answered with what somebody else asked.
    Misdelivered,
    /// Not answered, and why.
    Problem(String),
    /// The caller went away first.
    Left,
    Silent,
}

/// The book.
#[derive(Default)]
pub(crate) struct Tally {
    asked: Cell<u64>,
    refused: Cell<u64>,
    /// By what was asked, and what was heard.
    outcomes: RefCell<BTreeMap<(String, Outcome), u64>>,
    stopped: Cell<bool>,
}

impl Tally {
    pub(crate) fn stop(&self) {
        self.stopped.set(true);
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped.get()
    }

    /// Somebody is about to ask.
    fn ask(&self) {
        self.asked.set(self.asked.get() + 1);
    }

    fn note(&self, deed: &str, outcome: Outcome) {
        if matches!(&outcome, Outcome::Problem(kind) if kind == "Overloaded") {
            self.refused.set(self.refused.get() + 1);
            return;
        }
        let mut outcomes = self.outcomes.borrow_mut();
        *outcomes.entry((deed.to_owned(), outcome)).or_default() += 1;
    }

    fn count(&self, is_it: impl Fn(&str, &Outcome) -> bool) -> u64 {
        let outcomes = self.outcomes.borrow();
        let counted = outcomes.iter().filter(|((deed, it), _)| is_it(deed, it));
        counted.map(|(_, count)| count).sum()
    }

    fn accepted(&self) -> u64 {
        self.asked.get() - self.refused.get()
    }

    fn silent(&self) -> u64 {
        self.count(|_, outcome| *outcome == Outcome::Silent)
    }

    /// Those who asked for nothing bad and heard nothing good.
    fn innocent_failures(&self) -> u64 {
        self.count(|deed, outcome| is_innocent(deed) && !is_explained(deed, outcome))
    }

    /// Each accepted request has one outcome, and its own deed explains it.
    pub(crate) fn assert_sound(&self) {
        assert_eq!(
            self.accepted(),
            self.count(|_, _| true),
            "accepted = Σ outcomes"
        );
        assert_eq!(self.silent(), 0, "silent");
        assert_eq!(self.innocent_failures(), 0, "innocent failures:\n{self}");
        let unexplained = self.count(|deed, outcome| !is_explained(deed, outcome));
        assert_eq!(unexplained, 0, "outcomes that nothing explains:\n{self}");
        assert!(
            self.count(|deed, _| is_innocent(deed)) > 1000,
            "too little load"
        );
    }
}

fn is_innocent(deed: &str) -> bool {
    matches!(deed, "say" | "step")
}

/// Whether that can come of that.
fn is_explained(deed: &str, outcome: &Outcome) -> bool {
    let problem = match outcome {
        Outcome::Answered => None,
        Outcome::Left => return true,
        Outcome::Misdelivered | Outcome::Silent => return false,
        Outcome::Problem(kind) => Some(kind.as_str()),
    };
    match deed {
        "say" | "step" | "timer_boom" | "drop_boom" | "finish" => problem.is_none(),
        "boom" | "step_boom" | "fatal" | "end_thread" => problem == Some("AgentCrashed"),
        "fail" | "refuse" => problem == Some("AgentFailed"),
        "hang" => problem == Some("DeadlineExceeded"),
        // As long as it may, or longer.
        "block" => matches!(problem, None | Some("DeadlineExceeded")),
        HOPELESS => matches!(problem, Some("AgentCrashed" | "AgentUnavailable")),
        _ => false,
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "asked {}, refused {}, accepted {} = Σ outcomes {}, silent = {}, innocent failures = {}",
            self.asked.get(),
            self.refused.get(),
            self.accepted(),
            self.count(|_, _| true),
            self.silent(),
            self.innocent_failures()
        )?;
        for ((deed, outcome), count) in &*self.outcomes.borrow() {
            writeln!(f, "  {deed:<11} {outcome:<18} {count}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Answered => "answered",
            Self::Misdelivered => "misdelivered",
            Self::Problem(kind) => kind,
            Self::Left => "left",
            Self::Silent => "silent",
        })
    }
}

/// Somebody who asks again and again.
pub(crate) struct Caller {
    way: Way,
    tally: Rc<Tally>,
}

enum Way {
    InProcess(Orchestrator),
    Http(reqwest::Client, String),
}

impl Caller {
    pub(crate) fn in_process(house: &Orchestrator, tally: &Rc<Tally>) -> Self {
        Self {
            way: Way::InProcess(house.clone()),
            tally: Rc::clone(tally),
        }
    }

    pub(crate) fn over_http(address: &str, tally: &Rc<Tally>) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().tls_certs_only([]).no_proxy();
        Self {
            way: Way::Http(http.build().unwrap(), address.to_owned()),
            tally: Rc::clone(tally),
        }
    }

    pub(crate) async fn ask_until_told_to_stop(self) {
        let mut number = 0_u64;
        while !self.tally.is_stopped() {
            number += 1;
            let (agent, deed) = choice();
            let content = format!("{deed} {number}");
            self.tally.ask();
            let asking = tokio::time::timeout(SILENCE, self.ask(&agent, &content));
            let outcome = if fastrand::u32(..200) == 0 {
                // A caller in a hurry.
                let hurry = Duration::from_micros(fastrand::u64(..2000));
                tokio::time::timeout(hurry, asking).await
            } else {
                Ok(asking.await)
            };
            let outcome = match outcome {
                Ok(Ok(outcome)) => outcome,
                Ok(Err(_silence)) => Outcome::Silent,
                Err(_hurry) => Outcome::Left,
            };
            let noted = if agent == HOPELESS { HOPELESS } else { deed };
            let noted = noted.split(' ').next().unwrap();
            if !is_explained(noted, &outcome) {
                println!("unexplained: {agent} was asked `{content}`: {outcome}");
            }
            self.tally.note(noted, outcome);
        }
    }

    async fn ask(&self, agent: &str, content: &str) -> Outcome {
        let heard = match &self.way {
            Way::InProcess(house) => {
                let request = OrchestrationRequest {
                    agents: vec![agent.to_owned()],
                    ..OrchestrationRequest::new(content)
                };
                match house.orchestrate(request).await {
                    Ok(answer) => Ok(answer.result.content.clone()),
                    Err(problem) => Err(problem.error_type().to_string()),
                }
            }
            Way::Http(client, address) => {
                let body = json!({"content": content, "agents": [agent]});
                let response = client.post(address).json(&body).send().await.unwrap();
                let body: Value = response.json().await.unwrap();
                match body["error_type"].as_str() {
                    None => Ok(body["result"]["content"].as_str().unwrap().to_owned()),
                    Some(kind) => Err(kind.to_owned()),
                }
            }
        };
        match heard {
            Ok(said) if said == content => Outcome::Answered,
            Ok(_) => Outcome::Misdelivered,
            Err(kind) => Outcome::Problem(kind),
        }
    }
}

/// Whom to ask for what: mostly for nothing bad.
fn choice() -> (String, &'static str) {
    let (strategy, kind) = (
        fastrand::usize(..STRATEGIES.len()),
        fastrand::usize(..KINDS.len()),
    );
    let deed = match fastrand::u32(..1000) {
        0 => return (HOPELESS.to_owned(), "boom"),
        1..20 => fastrand::choice(KINDS[kind].faults).unwrap(),
        20..500 => &"say",
        _ => &"step",
    };
    (name(strategy, kind), deed)
}
