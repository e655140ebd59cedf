//! Virtual time: pools, strategies, breakers, loads and budgets are the orchestrator's own; the
//! instances and the clock are not.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use agent_orchestrator::balancing::{BalancingConfig, Candidate, Member, Pool, Strategy};
use agent_orchestrator::judgement::{
    BreakerConfig, BreakerState, Deadline, Outcome, Pace, Place, Retry,
};
use agent_orchestrator::mailbox::{Capacity, Case, Claim, Mailbox, MailboxSpec};
use agent_orchestrator::words::InstanceId;
use fastrand::Rng;

use crate::chance::{self, Request};
use crate::scenario::{Fault, Scenario};

/// A way of balancing, and what stands around it.
#[derive(Clone)]
pub struct Policy {
    pub name: &'static str,
    pub balancing: BalancingConfig,
    /// Whether breakers, retry budget and admission by deadline are switched on.
    pub whole: bool,
}

/// What came of it.
pub struct Run {
    /// The times from arrival to answer, seconds, of all requests, in order; those that were not
    /// answered in time count as their deadline.
    pub times: Vec<f64>,
    /// Requests answered in time.
    pub good: usize,
    /// Calls that led to nothing.
    pub wasted: usize,
    /// The longest queue before an instance.
    pub longest_queue: usize,
    /// How often breakers opened.
    pub trips: usize,
    /// Tasks that each instance got.
    pub hits: Vec<usize>,
}

/// Attempts at a request.
const ATTEMPTS: usize = 2;

/// Time, nanoseconds.
type Nanos = u64;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Move(usize),
    News,
    Done(usize),
}

struct Job {
    request: usize,
    attempt: usize,
    instance: usize,
    tried: Vec<InstanceId>,
    orchestrator: usize,
    place: Place,
    case: Case,
    begun: Nanos,
    outcome: Outcome,
    _retry: Option<Retry>,
}

struct Server {
    running: usize,
    queue: VecDeque<Job>,
}

struct Orchestrator {
    pool: Pool,
    mailboxes: Vec<Arc<Mailbox>>,
    ids: Vec<InstanceId>,
    elsewhere: Arc<[AtomicUsize]>,
}

pub struct World<'a> {
    scenario: &'a Scenario,
    policy: &'a Policy,
    requests: Vec<Request>,
    start: Instant,
    chance: Rng,
    events: BinaryHeap<Reverse<(Nanos, usize, Event)>>,
    serial: usize,
    jobs: Vec<Option<Job>>,
    servers: Vec<Server>,
    orchestrators: Vec<Orchestrator>,
    trips: Arc<AtomicUsize>,
    run: Run,
}

/// Adds to what an orchestrator knows of the tasks of an instance what it has heard of those of
/// others.
#[derive(Debug)]
struct Hearsay {
    strategy: Arc<dyn Strategy>,
    elsewhere: Arc<[AtomicUsize]>,
}

impl Strategy for Hearsay {
    fn choose(&self, candidates: &[Candidate<'_>], now: Instant, chance: &mut Rng) -> usize {
        let heard = |it: &Candidate<'_>| self.elsewhere[it.member].load(Ordering::Relaxed);
        let candidates = candidates.iter().map(|it| Candidate {
            taken: it.taken + heard(it),
            ..*it
        });
        let candidates: Vec<Candidate<'_>> = candidates.collect();
        self.strategy.choose(&candidates, now, chance)
    }
}

fn nanos(seconds: f64) -> Nanos {
    Duration::from_secs_f64(seconds).as_nanos() as Nanos
}

fn seconds(nanos: Nanos) -> f64 {
    Duration::from_nanos(nanos).as_secs_f64()
}

impl<'a> World<'a> {
    pub fn new(scenario: &'a Scenario, policy: &'a Policy, seed: u64) -> Self {
        let start = Instant::now();
        let trips = Arc::default();
        let orchestrators = (0..scenario.orchestrators)
            .map(|_| orchestrator(scenario, policy, start, &trips))
            .collect();
        let servers = (0..scenario.instances).map(|_| Server {
            running: 0,
            queue: VecDeque::new(),
        });
        let mut world = Self {
            scenario,
            policy,
            requests: chance::requests(scenario, seed),
            start,
            chance: Rng::with_seed(seed.wrapping_mul(7919) + 13),
            events: BinaryHeap::new(),
            serial: 0,
            jobs: Vec::new(),
            servers: servers.collect(),
            orchestrators,
            trips,
            run: Run {
                times: Vec::new(),
                good: 0,
                wasted: 0,
                longest_queue: 0,
                trips: 0,
                hits: vec![0; scenario.instances],
            },
        };
        for (number, (at, _, _)) in scenario.moves.iter().enumerate() {
            world.schedule(nanos(*at), Event::Move(number));
        }
        if let Some(every) = scenario.news_every {
            world.schedule(nanos(every), Event::News);
        }
        world
    }

    pub fn run(mut self) -> Run {
        let mut next = 0;
        loop {
            let arrival = self.requests.get(next).map(|request| nanos(request.at));
            let event = self.events.peek().map(|Reverse((at, ..))| *at);
            match (arrival, event) {
                (None, None) => break,
                (Some(at), event) if event.is_none_or(|event| at < event) => {
                    let orchestrator = (next + 1) % self.orchestrators.len();
                    next += 1;
                    let pool = &self.orchestrators[orchestrator].pool;
                    pool.retries().deposit(self.instant(at));
                    self.dispatch(next - 1, Vec::new(), orchestrator, 0, None, at);
                }
                _ => self.happen(next < self.requests.len()),
            }
        }
        self.run.trips = self.trips.load(Ordering::Relaxed);
        self.run
    }

    fn instant(&self, at: Nanos) -> Instant {
        self.start + Duration::from_nanos(at)
    }

    fn schedule(&mut self, at: Nanos, event: Event) {
        self.serial += 1;
        self.events.push(Reverse((at, self.serial, event)));
    }

    fn happen(&mut self, more_to_come: bool) {
        let Some(Reverse((at, _, event))) = self.events.pop() else {
            return;
        };
        match event {
            Event::Done(job) => self.done(job, at),
            Event::Move(number) => self.relocate(number, at),
            Event::News => {
                self.hear();
                if let (true, Some(every)) = (more_to_come, self.scenario.news_every) {
                    self.schedule(at + nanos(every), Event::News);
                }
            }
        }
    }

    fn relocate(&mut self, number: usize, at: Nanos) {
        let (_, instance, comes) = self.scenario.moves[number];
        let now = self.instant(at);
        for orchestrator in &mut self.orchestrators {
            let mailbox = &orchestrator.mailboxes[instance];
            let members = orchestrator.pool.members().iter();
            let others = members.filter(|member| !Arc::ptr_eq(&member.mailbox, mailbox));
            let mut members: Vec<Member> = others.cloned().collect();
            if comes {
                members.push(Member::late(Arc::clone(mailbox), now));
            }
            orchestrator.pool = orchestrator.pool.followed_by(members);
        }
    }

    /// Orchestrators hear what the others have at each instance.
    fn hear(&mut self) {
        for (instance, server) in self.servers.iter().enumerate() {
            let all = server.running + server.queue.len();
            for orchestrator in &self.orchestrators {
                let own = orchestrator.mailboxes[instance].load().taken();
                orchestrator.elsewhere[instance].store(all - own, Ordering::Relaxed);
            }
        }
    }

    fn dispatch(
        &mut self,
        request: usize,
        mut tried: Vec<InstanceId>,
        orchestrator: usize,
        attempt: usize,
        mut retry: Option<Retry>,
        at: Nanos,
    ) {
        let now = self.instant(at);
        let arrived = self.instant(nanos(self.requests[request].at));
        let deadline = Duration::from_secs_f64(self.scenario.deadline);
        let claim = Claim {
            deadline: Deadline::after(arrived, if self.policy.whole { deadline } else { FOREVER }),
            under_way: false,
        };
        loop {
            let house = &self.orchestrators[orchestrator];
            let leased = house.pool.lease(claim, &tried, now, &mut self.chance);
            let Ok(lease) = leased else {
                return self.finish(request, false, at);
            };
            let id = lease.instance().clone();
            let instance = house.ids.iter().position(|it| *it == id);
            let instance = instance.expect("it is one of them");
            let (place, case) = lease.split();
            let slots = (self.scenario.slots)(instance, 0.0);
            let server = &self.servers[instance];
            if server.running >= slots && server.queue.len() >= self.scenario.queue {
                // Others have filled it.
                tried.push(id);
                continue;
            }
            self.run.wasted += 1;
            self.run.hits[instance] += 1;
            let job = Job {
                request,
                attempt,
                instance,
                tried,
                orchestrator,
                place,
                case,
                begun: 0,
                outcome: Outcome::Success,
                _retry: retry.take(),
            };
            if server.running < slots {
                self.begin(job, at);
            } else {
                let queue = &mut self.servers[instance].queue;
                queue.push_back(job);
                self.run.longest_queue = self.run.longest_queue.max(queue.len());
            }
            return;
        }
    }

    fn begin(&mut self, mut job: Job, at: Nanos) {
        let (instance, request) = (job.instance, self.requests[job.request]);
        self.servers[instance].running += 1;
        job.place.begin();
        job.begun = at;
        let others = self.servers[instance].running - 1;
        let slowness = (self.scenario.slowness)(instance, seconds(at));
        let mut span = request.work * slowness * (1.0 + self.scenario.batching * others as f64);
        if let Some((share, fault)) = (self.scenario.faults)(instance, seconds(at))
            && request.draws[job.attempt] < share
        {
            (span, job.outcome) = match fault {
                Fault::Fails(after) => (after, Outcome::Failure),
                Fault::Busy(pause) => {
                    let retry_after = Some(Duration::from_secs_f64(pause));
                    (0.01, Outcome::Busy { retry_after })
                }
            };
        }
        if request.at_fault {
            job.outcome = Outcome::UserError;
        }
        self.jobs.push(Some(job));
        self.schedule(at + nanos(span), Event::Done(self.jobs.len() - 1));
    }

    fn done(&mut self, number: usize, at: Nanos) {
        let Some(job) = self.jobs[number].take() else {
            return;
        };
        let (instance, now) = (job.instance, self.instant(at));
        self.servers[instance].running -= 1;
        drop(job.place);
        let service = Duration::from_nanos(at - job.begun);
        // Whoever knows nothing of user errors takes them for failures, on every instance.
        let outcome = match job.outcome {
            Outcome::UserError if !self.policy.whole => Outcome::Failure,
            outcome => outcome,
        };
        job.case.close(outcome, service, now, self.chance.f64());
        match outcome {
            Outcome::Success | Outcome::UserError => {
                let in_time = seconds(at) - self.requests[job.request].at <= self.scenario.deadline;
                self.run.wasted -= usize::from(in_time || outcome == Outcome::UserError);
                self.finish(job.request, true, at);
            }
            _ => {
                let mut tried = job.tried;
                tried.push(self.orchestrators[job.orchestrator].ids[instance].clone());
                self.fail(job.request, tried, job.orchestrator, job.attempt, at);
            }
        }
        let slots = (self.scenario.slots)(instance, 0.0);
        while self.servers[instance].running < slots
            && let Some(job) = self.servers[instance].queue.pop_front()
        {
            self.begin(job, at);
        }
    }

    fn fail(
        &mut self,
        request: usize,
        tried: Vec<InstanceId>,
        orchestrator: usize,
        attempt: usize,
        at: Nanos,
    ) {
        let in_time = seconds(at) - self.requests[request].at < self.scenario.deadline;
        if attempt + 1 < ATTEMPTS && in_time {
            let retries = self.orchestrators[orchestrator].pool.retries();
            let retry = retries.withdraw(self.instant(at));
            if retry.is_some() || !self.policy.whole {
                return self.dispatch(request, tried, orchestrator, attempt + 1, retry, at);
            }
        }
        self.finish(request, false, at);
    }

    fn finish(&mut self, request: usize, answered: bool, at: Nanos) {
        let request = self.requests[request];
        let took = seconds(at) - request.at;
        // A request that is itself at fault has no good answer; it is not to be scored.
        let good = (answered || request.at_fault) && took <= self.scenario.deadline;
        self.run.good += usize::from(good);
        let took = if good { took } else { self.scenario.deadline };
        self.run.times.push(took);
    }
}

const FOREVER: Duration = Duration::from_secs(1_000_000_000);

fn orchestrator(
    scenario: &Scenario,
    policy: &Policy,
    start: Instant,
    trips: &Arc<AtomicUsize>,
) -> Orchestrator {
    let pace = Pace::new();
    let mailbox = |number| {
        let trips = Arc::clone(trips);
        let slots = (scenario.slots)(number, 0.0);
        let timeout = Duration::from_secs_f64(scenario.deadline);
        let spec = MailboxSpec {
            agent: "agent".into(),
            number,
            weight: 1,
            capacity: Capacity {
                concurrency: scenario.told_slots.unwrap_or(slots),
                queue: scenario.queue,
                timeout: if policy.whole { timeout } else { FOREVER },
                ..Capacity::default()
            },
            breaker: BreakerConfig {
                enabled: policy.whole,
                ..BreakerConfig::default()
            },
            listener: Some(Box::new(move |change| {
                let opened = usize::from(change.state == BreakerState::Open);
                trips.fetch_add(opened, Ordering::Relaxed);
            })),
            pace: Arc::clone(&pace),
        };
        Mailbox::new(spec, start)
    };
    let mailboxes: Vec<Arc<Mailbox>> = (0..scenario.instances).map(mailbox).collect();
    let first = mailboxes.iter().take(scenario.first).cloned();
    let pool = Pool::new(first.map(Member::new).collect(), policy.balancing);
    let elsewhere: Arc<[AtomicUsize]> = mailboxes.iter().map(|_| AtomicUsize::new(0)).collect();
    let pool = match (scenario.news_every, policy.balancing.strategy()) {
        (Some(_), Some(strategy)) => pool.with_strategy(Arc::new(Hearsay {
            strategy,
            elsewhere: Arc::clone(&elsewhere),
        })),
        _ => pool,
    };
    let ids = mailboxes.iter().map(|it| it.instance().clone()).collect();
    Orchestrator {
        pool,
        mailboxes,
        ids,
        elsewhere,
    }
}
