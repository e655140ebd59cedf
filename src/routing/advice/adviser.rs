use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures::FutureExt;
use futures::future::{BoxFuture, Shared, WeakShared};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::answer::{self, Choice};
use super::prompt;
use crate::judgement::{Breaker, BreakerConfig, Outcome};
use crate::llm::{Chat, ChatModel};
use crate::routing::asking::{left_alone, outcome};
use crate::routing::decision::Advice;
use crate::routing::question::Question;
use crate::words::{AgentCard, AgentName, milliseconds};

/// What it is called in reasons.
const MODEL: &str = "language model";
/// Requests that a model is asked about at once; more are decided without it.
const AT_ONCE: usize = 8;

/// When a language model is asked who shall get a request.
#[derive(Debug, Clone, PartialEq)]
pub struct AdviceConfig {
    /// The model for ordinary requests.
    pub model: String,
    /// The model for those that are long, ask for several things, or fit many agents.
    pub complex_model: String,
    /// Below this confidence a `hybrid` decision asks.
    pub threshold: f64,
    /// The longest time that a decision waits for it.
    pub timeout: Duration,
}

/// Asks a language model, within bounds of time and number, and each thing only once at a time.
pub(crate) struct Adviser {
    config: AdviceConfig,
    model: Arc<dyn ChatModel>,
    breaker: Breaker,
    places: Arc<Semaphore>,
    flights: Mutex<HashMap<Flight, WeakShared<Asking>>>,
}

/// What a model made of a request.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::routing) struct Consultation {
    pub advice: Advice,
    /// Names that it made up.
    pub unknown: Vec<String>,
}

/// What is being asked: of which model, under which rules, what.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Flight(String, String, String);

/// Why there is no advice is told to people, who may share it.
type Asking = BoxFuture<'static, Result<Consultation, Arc<str>>>;

impl Adviser {
    pub fn new(config: AdviceConfig, model: Arc<dyn ChatModel>, breaker: BreakerConfig) -> Self {
        Self {
            breaker: Breaker::new(breaker, config.timeout, Instant::now()),
            config,
            model,
            places: Arc::new(Semaphore::new(AT_ONCE)),
            flights: Mutex::default(),
        }
    }

    pub(in crate::routing) fn threshold(&self) -> f64 {
        self.config.threshold
    }

    /// Asks which of the agents shall get the request, in that time at most. Dropping the future cancels
    /// the question, unless others wait for the same answer.
    pub(in crate::routing) async fn consult(
        &self,
        agents: &[&AgentCard],
        question: &Question<'_>,
        is_complex: bool,
        time: Duration,
    ) -> Result<Consultation, Arc<str>> {
        // Before anything is made of it.
        if let Some(open) = self.breaker.obstacle(Instant::now()) {
            return Err(left_alone(MODEL, open).into());
        }
        let model = if is_complex {
            &self.config.complex_model
        } else {
            &self.config.model
        };
        let chat = prompt::chat(model, agents, question);
        let names = agents.iter().map(|card| card.name.clone()).collect();
        let time = time.min(self.config.timeout);
        let answer = timeout(time, self.join(chat, names)).await;
        answer.unwrap_or_else(|_| Err(late(time)))
    }

    /// Waits with those who have asked the same, or asks.
    fn join(&self, chat: Chat, agents: Vec<AgentName>) -> Shared<Asking> {
        let [system, user] = [0, 1].map(|place| chat.messages[place].content.clone());
        let flight = Flight(chat.model.clone(), system, user);
        // Nothing panics while the lock is held, and no await happens under it.
        let mut flights = self.flights.lock().unwrap_or_else(PoisonError::into_inner);
        flights.retain(|_, asking| asking.upgrade().is_some_and(|it| it.peek().is_none()));
        if let Some(asking) = flights.get(&flight).and_then(WeakShared::upgrade) {
            return asking;
        }
        let asking = self.ask(chat, agents).shared();
        if let Some(weak) = asking.downgrade() {
            flights.insert(flight, weak);
        }
        asking
    }

    fn ask(&self, chat: Chat, agents: Vec<AgentName>) -> Asking {
        let (model, breaker) = (Arc::clone(&self.model), self.breaker.clone());
        let (places, time) = (Arc::clone(&self.places), self.config.timeout);
        async move {
            let Ok(_place) = places.try_acquire() else {
                return Err(format!(
                    "the language model is asked about {AT_ONCE} requests already"
                )
                .into());
            };
            let began = Instant::now();
            let permit = breaker
                .admit(began)
                .map_err(|open| left_alone(MODEL, open))?;
            let name = chat.model.clone();
            let asked = timeout(time, attempts(&*model, &chat, &agents, began, time)).await;
            let (outcome, answer) = match asked {
                Ok(Ok(choice)) => (Outcome::Success, Ok(choice)),
                Ok(Err((outcome, reason))) => (outcome, Err(Arc::from(reason))),
                Err(_elapsed) => (Outcome::Failure, Err(late(time))),
            };
            permit.settle(outcome, Instant::now(), fastrand::f64());
            answer.map(|choice| Consultation {
                advice: Advice {
                    model: name,
                    agents: choice.agents,
                    probability: choice.probability,
                    took_ms: milliseconds(began.elapsed()),
                },
                unknown: choice.unknown,
            })
        }
        .boxed()
    }
}

/// Asks, and once more where that may help and there is time for it.
async fn attempts(
    model: &dyn ChatModel,
    chat: &Chat,
    agents: &[AgentName],
    began: Instant,
    time: Duration,
) -> Result<Choice, (Outcome, String)> {
    let known: Vec<&AgentName> = agents.iter().collect();
    let mut again = true;
    loop {
        let answered = model.chat(chat.clone()).await;
        let (outcome, reason, is_retryable) = match answered {
            Ok(said) => match answer::read(&said, &known) {
                Ok(choice) => return Ok(choice),
                Err(problem) => {
                    let reason = format!("the language model's answer cannot be used: {problem}");
                    (Outcome::Failure, reason, true)
                }
            },
            Err(error) => (outcome(&error), error.to_string(), error.is_retryable()),
        };
        if !again || !is_retryable || began.elapsed() * 2 > time {
            return Err((outcome, reason));
        }
        again = false;
    }
}

fn late(time: Duration) -> Arc<str> {
    let ms = time.as_millis();
    format!("the language model did not answer within {ms} ms").into()
}

impl fmt::Debug for Adviser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Adviser")
            .field("config", &self.config)
            .field("place", &self.model.place())
            .field("breaker", &self.breaker)
            .finish_non_exhaustive()
    }
}
