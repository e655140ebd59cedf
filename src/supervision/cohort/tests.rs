use proptest::prelude::*;

use super::*;
use RestartStrategy::{OneForAll, OneForOne, RestForOne};

const PATIENCE: Duration = Duration::from_secs(5);

/// A cohort whose lives start and end as soon as they are told, and what it had done with them.
struct World {
    cohort: Cohort,
    now: Instant,
    deeds: Vec<String>,
    /// Those whose lives do not end when they are told.
    stubborn: Vec<u64>,
    /// Those whose lives do not come to work.
    slow: Vec<u64>,
}

impl World {
    fn new(strategy: RestartStrategy, children: u64) -> Self {
        let now = Instant::now();
        let mut cohort = Cohort::new(strategy, PATIENCE);
        for id in 0..children {
            cohort.add(id, false, now);
        }
        let mut world = Self {
            cohort,
            now,
            deeds: Vec::new(),
            stubborn: Vec::new(),
            slow: Vec::new(),
        };
        world.settle();
        world
    }

    /// Does all that is to be done without waiting.
    fn settle(&mut self) -> Option<Duration> {
        loop {
            match self.cohort.next(self.now)? {
                Deed::Start(id) => {
                    self.deeds.push(format!("start {id}"));
                    if !self.slow.contains(&id) {
                        self.cohort.started(id);
                    }
                }
                Deed::End(id) => {
                    self.deeds.push(format!("end {id}"));
                    if !self.stubborn.contains(&id) {
                        assert!(self.cohort.ended(id), "it was told to");
                    }
                }
                Deed::Abandon(id) => self.deeds.push(format!("abandon {id}")),
                Deed::Wait(until) => return Some(until - self.now),
            }
        }
    }

    /// What is done from now on, up to the next pause.
    fn deeds(&mut self) -> Vec<String> {
        self.settle();
        std::mem::take(&mut self.deeds)
    }

    /// A child has crashed and is to be restarted at once.
    fn crash(&mut self, id: u64) {
        assert!(!self.cohort.ended(id), "nobody told it to");
        self.cohort.restart(id, self.now);
    }
}

#[test]
fn where_nobody_is_started_any_more_a_life_that_was_told_to_end_has_none_after_it() {
    let mut world = World::new(OneForOne, 2);
    world.stubborn = vec![0];
    world.cohort.restart_alone(0, world.now);
    world.settle();
    world.deeds.clear();
    world.cohort.start_nobody();
    assert!(world.cohort.ended(0), "it was told to");
    world.settle();
    assert_eq!(world.deeds, Vec::<String>::new());
    assert!(world.cohort.rests(0));
}

#[test]
fn children_are_started_in_order() {
    for strategy in [OneForOne, OneForAll, RestForOne] {
        let mut world = World::new(strategy, 3);
        assert_eq!(world.deeds(), ["start 0", "start 1", "start 2"]);
    }
}

#[test]
fn where_children_depend_on_one_another_the_next_starts_when_the_one_before_works() {
    let now = Instant::now();
    let mut cohort = Cohort::new(RestForOne, PATIENCE);
    for id in 0..2 {
        cohort.add(id, false, now);
    }
    assert_eq!(cohort.next(now), Some(Deed::Start(0)));
    assert_eq!(cohort.next(now), None);
    cohort.started(0);
    assert_eq!(cohort.next(now), Some(Deed::Start(1)));
}

#[test]
fn the_strategy_says_who_is_ended_last_first_and_started_first_first() {
    let cases = [
        (OneForOne, vec!["start 1"]),
        (
            OneForAll,
            vec!["end 2", "end 0", "start 0", "start 1", "start 2"],
        ),
        (RestForOne, vec!["end 2", "start 1", "start 2"]),
    ];
    for (strategy, expected) in cases {
        let mut world = World::new(strategy, 3);
        world.deeds();
        world.crash(1);
        assert_eq!(world.deeds(), expected, "{strategy:?}");
    }
}

#[test]
fn a_sibling_that_fails_to_start_restarts_all_again() {
    let mut world = World::new(OneForAll, 3);
    world.deeds();
    world.slow.push(1);
    world.crash(2);
    assert_eq!(world.deeds(), ["end 1", "end 0", "start 0", "start 1"]);
    world.slow.clear();
    world.crash(1);
    assert_eq!(world.deeds(), ["end 0", "start 0", "start 1", "start 2"]);
}

#[test]
fn all_wait_for_the_pause_before_the_restart() {
    let mut world = World::new(OneForAll, 2);
    world.deeds();
    let pause = Duration::from_millis(40);
    world.cohort.ended(0);
    world.cohort.restart(0, world.now + pause);
    assert_eq!(world.settle(), Some(pause));
    assert_eq!(world.deeds(), ["end 1"]);
    world.now += pause;
    assert_eq!(world.deeds(), ["start 0", "start 1"]);
}

#[test]
fn a_temporary_bystander_is_ended_and_not_started_again() {
    let mut world = World::new(OneForAll, 2);
    world.cohort.add(2, true, world.now);
    world.deeds();
    world.crash(0);
    assert_eq!(world.deeds(), ["end 2", "end 1", "start 0", "start 1"]);
    assert!(world.cohort.rests(2));
}

#[test]
fn one_that_was_given_up_holds_nobody_up_and_is_tried_again_by_itself() {
    let mut world = World::new(OneForAll, 2);
    world.deeds();
    let cool_down = Duration::from_secs(1);
    world.cohort.ended(0);
    world.cohort.restart_alone(0, world.now + cool_down);
    assert!(world.deeds().is_empty());
    world.crash(1);
    assert_eq!(world.deeds(), ["start 1"]);
    world.now += cool_down;
    assert_eq!(world.deeds(), ["start 0"]);
}

#[test]
fn one_that_does_not_end_in_time_is_left_behind() {
    let mut world = World::new(OneForAll, 2);
    world.deeds();
    world.stubborn.push(1);
    world.crash(0);
    assert_eq!(world.settle(), Some(PATIENCE));
    assert_eq!(world.deeds(), ["end 1"]);
    world.now += PATIENCE;
    assert_eq!(world.deeds(), ["abandon 1", "start 0", "start 1"]);
}

#[test]
fn at_the_end_all_are_ended_one_at_a_time_whatever_the_strategy() {
    for strategy in [OneForOne, OneForAll, RestForOne] {
        let mut world = World::new(strategy, 3);
        world.deeds();
        world.stubborn.push(1);
        world.cohort.end_all();
        assert_eq!(world.deeds(), ["end 2", "end 1"], "{strategy:?}");
        world.cohort.ended(1);
        assert_eq!(world.deeds(), ["end 0"], "{strategy:?}");
        assert!(world.cohort.is_down());
    }
}

#[test]
fn a_pause_that_nobody_is_to_wait_for_any_more_ends_with_all_others() {
    let mut world = World::new(OneForOne, 1);
    world.deeds();
    world.cohort.ended(0);
    let hour = Duration::from_hours(1);
    world.cohort.restart(0, world.now + hour);
    world.cohort.end_all();
    assert_eq!(world.settle(), None);
    assert!(world.cohort.is_down());
}

proptest! {
    /// Whatever crashes, in whatever order, in the end everybody is at work, and nobody was ever
    /// started while one that depends on it, or that it depends on, was about to be ended.
    #[test]
    fn whoever_crashes_all_are_at_work_again(
        strategy in prop::sample::select(vec![OneForOne, OneForAll, RestForOne]),
        crashes in prop::collection::vec((0_u64..4, 0_u64..50), 0..20),
    ) {
        let mut world = World::new(strategy, 4);
        for (id, pause) in crashes {
            if world.cohort.members[usize::try_from(id).unwrap()].phase == Phase::Up {
                world.cohort.ended(id);
                world.cohort.restart(id, world.now + Duration::from_millis(pause));
            }
            if let Some(pause) = world.settle()
                && id % 2 == 0
            {
                world.now += pause;
            }
        }
        while let Some(pause) = world.settle() {
            world.now += pause;
        }
        prop_assert!(world.cohort.members.iter().all(|member| member.phase == Phase::Up));
        let mut up = [false; 4];
        for deed in &world.deeds {
            let (what, id) = deed.split_once(' ').unwrap();
            let id: usize = id.parse().unwrap();
            prop_assert!(what == "start" || up[id], "{deed} of {:?}", world.deeds);
            up[id] = what == "start";
            if what == "start" && strategy == RestForOne {
                prop_assert!(up[..id].iter().all(|up| *up), "{deed} of {:?}", world.deeds);
            }
        }
    }
}

#[test]
fn a_temporary_bystander_that_has_not_begun_is_still_to_begin() {
    let mut world = World::new(OneForAll, 0);
    world.slow.push(0);
    world.cohort.add(0, false, world.now);
    world.cohort.add(1, true, world.now);
    assert_eq!(world.deeds(), ["start 0"]);
    world.slow.clear();
    world.crash(0);
    assert_eq!(world.deeds(), ["start 0", "start 1"]);
}

#[test]
fn one_that_is_about_to_end_for_good_is_not_started_with_its_siblings() {
    let mut world = World::new(OneForAll, 3);
    world.deeds();
    world.stubborn.push(1);
    world.cohort.end_alone(1);
    assert_eq!(world.deeds(), ["end 1"]);
    world.crash(0);
    assert_eq!(world.deeds(), ["end 2", "start 0", "start 2"]);
    assert!(world.cohort.ended(1));
    assert_eq!(world.deeds(), [""; 0]);
}

#[test]
fn one_that_is_down_has_ended_when_it_shall() {
    let mut world = World::new(OneForAll, 2);
    world.deeds();
    assert!(!world.cohort.ended(0));
    world.cohort.restart_alone(0, world.now + PATIENCE);
    world.cohort.end_alone(0);
    assert!(world.cohort.rests(0));
    world.crash(1);
    assert_eq!(world.deeds(), ["start 1"]);
}
