//! How one agent is asked: instance after instance, while that does no harm and is worth it.
//!
//! What an agent has begun is begun again only if its spec says that this is safe. What it has not
//! begun, because it was busy, could not be reached or had to end, any other may begin. Second
//! attempts are paid for from the agent's retry budget, so that they cannot become the flood that
//! keeps it from recovering.

mod hedge;

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::part::Assignment;
use super::step::{Step, Tried};
use crate::balancing::Pool;
use crate::mailbox::{Answered, AskError, Claim, Lease, Refusal};
use crate::pipeline::{Arrival, House, Problem};
use crate::supervision::Registered;
use crate::words::{AgentContext, AgentErrorKind, InstanceId, Reply, Task, milliseconds};

/// No agent is asked more often than this for one request.
const MOST_ATTEMPTS: u32 = 3;

/// Whoever has crashed this many instances is not given to a third.
const MOST_CRASHES: usize = 2;

/// The shortest and the longest pause before the same instance is asked again.
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

/// Why an agent was left without an answer.
#[derive(Debug)]
pub(super) struct Left {
    pub problem: Problem,
    /// Whether it does no harm to ask another agent.
    pub elsewhere: bool,
}

/// Why an instance was left without an answer.
struct Failure {
    instance: InstanceId,
    problem: Problem,
    /// Whether it does no harm to ask another.
    repeatable: bool,
    /// Whether nobody was bothered, so that no second attempt need be paid for.
    free: bool,
    crashed: bool,
}

/// The attempts at one agent.
struct Attempts<'a> {
    arrival: &'a Arrival,
    what: &'a Assignment<'a>,
    task: &'a Task,
    step: &'a mut Step,
    agent: Arc<Registered>,
    pool: Arc<Pool>,
    /// Instances that are not asked again if there is another.
    left: Vec<InstanceId>,
    crashed: Vec<InstanceId>,
}

/// Asks an agent until there is an answer, or no use in asking.
pub(super) async fn ask(
    house: &House,
    arrival: &Arrival,
    what: &Assignment<'_>,
    task: &Task,
    step: &mut Step,
) -> Result<Reply, Left> {
    let found = house.registry.find(&step.agent);
    let Some((agent, pool)) = found.zip(house.pools.find(&step.agent)) else {
        let gone = Refusal::Stopped { retry_after: None };
        return Err(Left::refused(&step.agent, gone));
    };
    let attempts = Attempts {
        arrival,
        what,
        task,
        step,
        agent,
        pool,
        left: Vec::new(),
        crashed: Vec::new(),
    };
    attempts.make().await
}

impl Attempts<'_> {
    async fn make(mut self) -> Result<Reply, Left> {
        let first = self.lease(&[], self.what.under_way);
        let mut lease = first.map_err(|refusal| Left::refused(&self.step.agent, refusal))?;
        self.pool.retries().deposit(lease.since());
        loop {
            let since = lease.since();
            let answered = match self.patience(&lease) {
                // It is on the heap, so that only those carry it who need it.
                Some(patience) => Box::pin(self.ask_perhaps_two(lease, patience)).await,
                None => self.ask_one(lease, true).await,
            };
            self.step.outcome = Some(answered.outcome);
            self.step.inside += answered.inside;
            self.step.begun |= answered.begun;
            let failure = match answered.result {
                Ok(reply) => return Ok(reply),
                Err(_) => self.note(answered, since),
            };
            lease = self.next_lease(failure).await?;
        }
    }

    fn lease(&self, tried: &[InstanceId], under_way: bool) -> Result<Lease, Refusal> {
        let claim = Claim {
            deadline: self.arrival.deadline,
            under_way,
        };
        let chance = &mut fastrand::Rng::new();
        self.pool.lease(claim, tried, Instant::now(), chance)
    }

    /// Begins one more attempt. What it emits is heard unless another one speaks.
    fn ask_one(&mut self, lease: Lease, is_heard: bool) -> impl Future<Output = Answered> + use<> {
        self.step.attempts += 1;
        self.step.instance = Some(lease.instance().clone());
        let listener = self.arrival.listener.clone();
        let session_id = self.arrival.session_id.clone();
        let context = AgentContext::with_audience(
            self.step.agent.clone(),
            self.arrival.id,
            lease.deadline().instant(),
            self.what.previous_results.clone(),
            listener.filter(|_| is_heard),
            session_id,
        );
        lease.ask(self.task.clone(), context)
    }

    /// Writes down why an instance is left.
    fn note(&mut self, answered: Answered, since: Instant) -> Failure {
        let Answered {
            instance,
            result,
            begun,
            ..
        } = answered;
        let error = result.err().unwrap_or(AskError::Stopped);
        let crashed = error == AskError::Crashed;
        if crashed {
            self.crashed.push(instance.clone());
        }
        let problem = match error {
            AskError::Crashed => Problem::of_crashes(&self.step.agent, &self.crashed),
            _ => Problem::of_ask(&self.step.agent, &error),
        };
        self.step.tried.push(Tried {
            instance: instance.clone(),
            error: problem.detail().to_owned(),
            error_type: Some(problem.error_type()),
            duration_ms: milliseconds(since.elapsed()),
        });
        Failure {
            instance,
            problem,
            repeatable: is_repeatable(&error, begun, self.agent.retry_safe),
            free: error == AskError::Stopped,
            crashed,
        }
    }

    /// A place for another attempt: in an instance that was not asked yet, or else, after
    /// a pause, in one that was.
    async fn next_lease(&mut self, failure: Failure) -> Result<Lease, Left> {
        let in_time = !self.arrival.deadline.remaining(Instant::now()).is_zero();
        let is_poison = self.crashed.len() >= MOST_CRASHES;
        let left = Left {
            problem: failure.problem,
            elsewhere: failure.repeatable && in_time && !is_poison,
        };
        if !left.elsewhere || self.step.attempts >= MOST_ATTEMPTS {
            return Err(left);
        }
        self.left.push(failure.instance);
        let under_way = self.what.under_way || self.step.begun;
        let is_paid = || failure.free || self.pool.retries().withdraw(Instant::now());
        if let Ok(lease) = self.lease(&self.left, under_way) {
            return if is_paid() { Ok(lease) } else { Err(left) };
        }
        // Nobody is waited for who would not have the task.
        if self.lease(&[], under_way).is_err() || !is_paid() {
            return Err(left);
        }
        // The next life of one that crashed knows nothing of what was.
        if !failure.crashed && !self.pause().await {
            return Err(left);
        }
        self.lease(&[], under_way).map_err(|_refusal| left)
    }

    /// Waits before the same instance is asked again; `false` if there is no time for that.
    async fn pause(&self) -> bool {
        let (shortest, longest) = PAUSES;
        let longest = longest.min(shortest * 4_u32.pow(self.step.attempts.min(8)));
        let pause = shortest + longest.saturating_sub(shortest).mul_f64(fastrand::f64());
        if pause >= self.arrival.deadline.remaining(Instant::now()) {
            return false;
        }
        tokio::time::sleep(pause).await;
        true
    }
}

/// Whether a task may be given to somebody else after this.
fn is_repeatable(error: &AskError, begun: bool, retry_safe: bool) -> bool {
    let at_fault = match error {
        AskError::Agent(error) => error.kind() == AgentErrorKind::User,
        _ => false,
    };
    !at_fault && (retry_safe || !begun)
}

impl Left {
    fn refused(agent: &str, refusal: Refusal) -> Self {
        Self {
            problem: Problem::of_refusal(agent, refusal),
            elsewhere: true,
        }
    }
}
