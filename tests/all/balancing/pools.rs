//! Who is chosen, by the pool of an agent and in virtual time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use agent_orchestrator::balancing::{Algorithm, BalancingConfig, Member, Pool};
use agent_orchestrator::judgement::{BreakerConfig, BreakerState, Deadline, Forced, Outcome, Pace};
use agent_orchestrator::mailbox::{Capacity, Claim, Lease, Mailbox, MailboxSpec, Refusal};
use agent_orchestrator::words::InstanceId;
use fastrand::Rng;

const SECOND: Duration = Duration::from_secs(1);

/// A pool whose instances nobody serves, and the time.
struct World {
    pool: Pool,
    mailboxes: Vec<Arc<Mailbox>>,
    now: Instant,
    chance: Rng,
}

impl World {
    fn of(count: usize, capacity: Capacity, algorithm: Algorithm) -> Self {
        let (now, pace) = (Instant::now(), Pace::new());
        let mailbox = |number| {
            let spec = MailboxSpec {
                agent: "a".into(),
                number,
                weight: 1,
                capacity,
                breaker: BreakerConfig::default(),
                listener: None,
                pace: Arc::clone(&pace),
            };
            Mailbox::new(spec, now)
        };
        let mailboxes: Vec<_> = (0..count).map(mailbox).collect();
        let config = BalancingConfig {
            algorithm,
            ..BalancingConfig::default()
        };
        let members = mailboxes.iter().cloned().map(Member::new);
        Self {
            pool: Pool::new(members.collect(), config),
            mailboxes,
            now,
            chance: Rng::with_seed(5),
        }
    }

    fn usual(count: usize) -> Self {
        Self::of(count, Capacity::default(), Algorithm::RoundRobin)
    }

    fn claim(&self, patience: Duration) -> Claim {
        Claim::new(Deadline::after(self.now, patience))
    }

    fn lease(&mut self, tried: &[InstanceId]) -> Result<Lease, Refusal> {
        let claim = self.claim(300 * SECOND);
        self.pool.lease(claim, tried, self.now, &mut self.chance)
    }

    /// The instance that takes a task, which is done at once.
    fn chosen(&mut self, tried: &[InstanceId]) -> Result<String, Refusal> {
        Ok(self.lease(tried)?.instance().to_string())
    }

    fn id(&self, number: usize) -> InstanceId {
        self.mailboxes[number].instance().clone()
    }

    /// That instance has answered so many calls.
    fn call(&mut self, number: usize, count: usize, outcome: Outcome, took: Duration) {
        for _ in 0..count {
            let claim = self.claim(300 * SECOND);
            let lease = self.mailboxes[number].reserve(claim, self.now).unwrap();
            let (_place, case) = lease.split();
            case.close(outcome, took, self.now, 1.0);
        }
    }

    /// The breaker of that instance has opened.
    fn break_down(&mut self, number: usize) {
        self.call(number, 5, Outcome::Failure, SECOND);
        let state = self.mailboxes[number].breaker_state(self.now);
        assert_eq!(state, BreakerState::Open);
    }

    /// The instances that are chosen in a hundred choices.
    fn asked(&mut self) -> Vec<usize> {
        let mut asked = Vec::new();
        for _ in 0..100 {
            let Ok(chosen) = self.chosen(&[]) else {
                continue;
            };
            asked.push(chosen.trim_start_matches("a/").parse().unwrap());
        }
        asked.sort_unstable();
        asked.dedup();
        asked
    }
}

#[test]
fn whoever_was_tried_is_not_asked_again() {
    let mut world = World::usual(3);
    let tried = [world.id(0), world.id(2)];
    for _ in 0..10 {
        assert_eq!(world.chosen(&tried).unwrap(), "a/1");
    }
    let all = [0, 1, 2].map(|number| world.id(number));
    assert!(world.chosen(&all).is_err());
}

#[test]
fn an_open_breaker_takes_an_instance_out_and_a_held_one_does_so_for_good() {
    let mut world = World::usual(4);
    world.break_down(1);
    world.mailboxes[2].force_breaker(Some(Forced::Open));
    assert_eq!(world.asked(), [0, 3]);
    world.now += 5 * SECOND;
    assert_eq!(world.asked(), [0, 1, 3]);
}

#[test]
fn breakers_take_out_half_of_the_instances_at_most_while_any_works() {
    let mut world = World::usual(4);
    for number in 0..3 {
        world.break_down(number);
    }
    assert_eq!(
        world.asked().len(),
        2,
        "one is asked although its breaker is open"
    );
    let mut two = World::usual(2);
    two.break_down(0);
    assert_eq!(two.asked(), [1]);
}

#[test]
fn when_those_that_work_would_be_overrun_no_breaker_counts() {
    let capacity = Capacity {
        concurrency: 1,
        queue: 0,
        ..Capacity::default()
    };
    let mut world = World::of(5, capacity, Algorithm::RoundRobin);
    world.break_down(0);
    world.break_down(1);
    assert_eq!(world.asked(), [2, 3, 4]);
    let claim = world.claim(SECOND);
    let _full = [2, 3].map(|number| world.mailboxes[number].reserve(claim, world.now).unwrap());
    assert_eq!(
        world.asked(),
        [0, 1, 4],
        "one of five works: less than half"
    );
}

#[test]
fn in_an_emergency_a_broken_instance_gets_little_more_than_it_can_do() {
    let capacity = Capacity {
        concurrency: 2,
        ..Capacity::default()
    };
    let mut world = World::of(4, capacity, Algorithm::RoundRobin);
    world.call(0, 1, Outcome::Success, SECOND / 2);
    for number in 0..3 {
        world.break_down(number);
    }
    let claim = world.claim(300 * SECOND);
    let places: Vec<_> = (0..100)
        .filter_map(|_| world.mailboxes[0].reserve_regardless(claim, world.now).ok())
        .collect();
    assert_eq!(
        places.len(),
        2 + 4,
        "its two slots, and what they do in a second"
    );
}

#[test]
fn when_none_works_nobody_is_bothered_and_it_is_said_when_to_come_back() {
    let mut world = World::usual(3);
    for number in 0..3 {
        world.break_down(number);
    }
    let Err(Refusal::Open { retry_after }) = world.chosen(&[]) else {
        panic!("somebody is asked");
    };
    assert_eq!(retry_after, 5 * SECOND);
    world.now += 5 * SECOND;
    let probes: Vec<_> = (0..10).filter_map(|_| world.lease(&[]).ok()).collect();
    assert_eq!(probes.len(), 3, "one for each");
}

#[test]
fn a_queue_is_as_long_as_can_be_done_in_a_third_of_the_time_and_within_its_bounds() {
    let capacity = Capacity {
        concurrency: 2,
        queue: 40,
        min_queue: 3,
        timeout: 15 * SECOND,
        ..Capacity::default()
    };
    let size = |took: Duration| {
        let mut world = World::of(1, capacity, Algorithm::Adaptive);
        world.call(0, 40, Outcome::Success, took);
        world.mailboxes[0].size()
    };
    assert_eq!(size(SECOND), 2 + 10);
    assert_eq!(size(SECOND / 100), 2 + 40);
    assert_eq!(size(9 * SECOND), 2 + 3);
    let unknown = World::of(1, capacity, Algorithm::Adaptive);
    assert_eq!(unknown.mailboxes[0].size(), 2 + 40);
}

#[test]
fn who_could_not_be_answered_in_time_is_told_so_at_once_but_not_who_need_not_wait() {
    let capacity = Capacity {
        concurrency: 1,
        min_queue: 0,
        ..Capacity::default()
    };
    let mut world = World::of(1, capacity, Algorithm::Adaptive);
    world.call(0, 20, Outcome::Success, SECOND);
    let mailbox = Arc::clone(&world.mailboxes[0]);
    let reserve = |patience| mailbox.reserve(world.claim(patience), world.now);
    let first = reserve(SECOND / 10).expect("nobody is before it");
    let Err(Refusal::TooLate { retry_after }) = reserve(SECOND * 3 / 2) else {
        panic!("it would wait for a second, and take another");
    };
    assert_eq!(retry_after, SECOND);
    assert!(
        reserve(SECOND * 29 / 10).is_err(),
        "more than a third of its time"
    );
    let second = reserve(SECOND * 31 / 10).expect("that is enough");
    assert!(reserve(SECOND * 31 / 10).is_err(), "two are before it");
    drop((first, second));
    assert!(reserve(SECOND / 10).is_ok());
}

#[test]
fn a_few_may_wait_however_slow_the_agent_is() {
    let capacity = Capacity {
        concurrency: 1,
        min_queue: 2,
        timeout: 30 * SECOND,
        ..Capacity::default()
    };
    let mut world = World::of(1, capacity, Algorithm::Adaptive);
    world.call(0, 20, Outcome::Success, 9 * SECOND);
    let let_in: Vec<_> = (0..9).filter_map(|_| world.lease(&[]).ok()).collect();
    assert_eq!(let_in.len(), 3, "one works, and two may wait");
}

#[test]
fn who_is_under_way_is_never_refused_for_a_newcomer() {
    let capacity = Capacity {
        concurrency: 1,
        queue: 1,
        ..Capacity::default()
    };
    let mut world = World::of(1, capacity, Algorithm::Adaptive);
    world.call(0, 20, Outcome::Success, SECOND);
    let newcomers: Vec<_> = (0..9).filter_map(|_| world.lease(&[]).ok()).collect();
    assert_eq!(newcomers.len(), 2);
    let claim = Claim {
        under_way: true,
        ..world.claim(SECOND)
    };
    assert!(world.mailboxes[0].reserve(claim, world.now).is_ok());
}

#[test]
fn whoever_comes_late_is_spared_at_first_and_then_no_more() {
    let mut world = World::of(3, Capacity::default(), Algorithm::LeastConnections);
    let members = vec![
        Member::new(Arc::clone(&world.mailboxes[0])),
        Member::new(Arc::clone(&world.mailboxes[1])),
        Member::late(Arc::clone(&world.mailboxes[2]), world.now),
    ];
    world.pool = world.pool.followed_by(members);
    assert_eq!(world.asked(), [0, 1]);
    world.now += 20 * SECOND;
    assert_eq!(world.asked(), [0, 1, 2]);
}

#[test]
fn when_those_that_work_are_full_the_broken_are_asked_too() {
    let capacity = Capacity {
        concurrency: 1,
        queue: 0,
        ..Capacity::default()
    };
    let mut world = World::of(3, capacity, Algorithm::RoundRobin);
    world.break_down(0);
    world.break_down(1);
    let _all = world.mailboxes[2]
        .reserve(world.claim(SECOND), world.now)
        .unwrap();
    assert!(!world.asked().is_empty());
}

#[test]
fn whoever_has_asked_to_be_left_alone_is_so_in_an_emergency_too() {
    let mut world = World::usual(3);
    let busy = Outcome::Busy {
        retry_after: Some(100 * SECOND),
    };
    for number in 0..2 {
        world.call(number, 5, Outcome::Failure, SECOND / 10);
        world.now += 5 * SECOND;
        world.call(number, 1, busy, SECOND / 10);
    }
    assert_eq!(world.asked(), [2]);
}
