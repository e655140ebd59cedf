//! Virtual time: pools, strategies, breakers, loads and budgets are the orchestrator's own; the
//! instances and the clock are not.

mod servers;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use agent_orchestrator::balancing::Member;
use agent_orchestrator::judgement::{Deadline, Outcome, Place};
use agent_orchestrator::mailbox::{Case, Claim};
use agent_orchestrator::words::InstanceId;
use fastrand::Rng;

use crate::chance::{self, Request};
use crate::orchestrator::{FOREVER, Orchestrator, Policy};
use crate::scenario::Scenario;

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
    /// When each attempt began, seconds.
    pub calls: Vec<f64>,
    /// When each request came, and whether it was answered in time.
    pub answers: Vec<(f64, bool)>,
}

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
    sent: Nanos,
    /// After this it is given up, by those who know of deadlines.
    deadline: Deadline,
    begun: Nanos,
    outcome: Outcome,
}

struct Server {
    running: usize,
    queue: VecDeque<Job>,
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
            .map(|_| Orchestrator::new(scenario, policy, start, &trips))
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
                calls: Vec::new(),
                answers: Vec::new(),
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
                    self.dispatch(next - 1, Vec::new(), orchestrator, 0, false, at);
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
        begun: bool,
        at: Nanos,
    ) {
        let now = self.instant(at);
        let arrived = self.instant(nanos(self.requests[request].at));
        let deadline = Duration::from_secs_f64(self.scenario.deadline);
        let claim = Claim {
            deadline: Deadline::after(arrived, if self.policy.whole { deadline } else { FOREVER }),
            under_way: self.policy.whole && begun,
        };
        loop {
            let house = &self.orchestrators[orchestrator];
            let again = self.policy.whole && attempt > 0;
            let leased = house.pool.lease(claim, &tried, now, &mut self.chance);
            let leased = match leased {
                Err(_) if again => house.pool.lease(claim, &[], now, &mut self.chance),
                leased => leased,
            };
            let Ok(lease) = leased else {
                return self.finish(request, false, at);
            };
            let id = lease.instance().clone();
            let instance = house.ids.iter().position(|it| *it == id);
            let instance = instance.expect("it is one of them");
            let deadline = lease.deadline();
            let (place, case) = lease.split();
            let slots = (self.scenario.slots)(instance, 0.0);
            let server = &self.servers[instance];
            if server.running >= slots && server.queue.len() >= self.scenario.queue {
                // Others have filled it.
                tried.push(id);
                continue;
            }
            self.run.calls.push(seconds(at));
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
                sent: at,
                deadline,
                begun: 0,
                outcome: Outcome::Success,
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

    fn fail(
        &mut self,
        request: usize,
        tried: Vec<InstanceId>,
        orchestrator: usize,
        attempt: usize,
        begun: bool,
        at: Nanos,
    ) {
        let in_time = seconds(at) - self.requests[request].at < self.scenario.deadline;
        if attempt + 1 < self.scenario.attempts && in_time {
            let retries = self.orchestrators[orchestrator].pool.retries();
            if !self.policy.whole || retries.withdraw(self.instant(at)) {
                return self.dispatch(request, tried, orchestrator, attempt + 1, begun, at);
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
        self.run.answers.push((request.at, good));
        let took = if good { took } else { self.scenario.deadline };
        self.run.times.push(took);
    }
}
