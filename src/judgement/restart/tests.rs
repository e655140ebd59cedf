use proptest::prelude::*;

use super::*;

/// A supervisor's memory, and a clock that stands still unless told otherwise.
struct Bench {
    config: SupervisorConfig,
    policy: RestartPolicy,
    intensity: Intensity,
    histories: Vec<History>,
    now: Instant,
    chance: f64,
}

impl Bench {
    fn new(config: SupervisorConfig) -> Self {
        Self {
            config,
            policy: RestartPolicy::Permanent,
            intensity: Intensity::default(),
            histories: (0..4).map(|_| History::default()).collect(),
            now: Instant::now(),
            chance: 1.0,
        }
    }

    fn ends(&mut self, child: u64, life: &Life) -> Consequence {
        let ended = Ended {
            child,
            policy: self.policy,
            life,
            history: &mut self.histories[usize::try_from(child).unwrap()],
        };
        self.config
            .decide(ended, &mut self.intensity, self.now, self.chance)
    }

    /// How long the pause is before the restart that follows the end of that life, ms.
    fn pause(&mut self, life: &Life) -> u128 {
        match self.ends(0, life) {
            Consequence::Restart { after } => after.as_millis(),
            other => panic!("{other}"),
        }
    }
}

fn crash(jobs: u64) -> Life {
    Life {
        reason: ExitReason::Panicked("boom".into()),
        jobs,
        lasted: Duration::from_millis(1),
    }
}

fn is_restart(consequence: Consequence) -> bool {
    matches!(consequence, Consequence::Restart { .. })
}

fn is_give_up(consequence: Consequence) -> bool {
    matches!(consequence, Consequence::GiveUp { .. })
}

#[test]
fn the_policy_says_which_ends_are_followed_by_a_new_life() {
    use RestartPolicy::{Permanent, Temporary, Transient};
    let panicked = || ExitReason::Panicked("boom".into());
    let cases = [
        (Permanent, ExitReason::Finished, true),
        (Permanent, panicked(), true),
        (Permanent, ExitReason::Shutdown, false),
        (Transient, ExitReason::Finished, false),
        (Transient, ExitReason::Shutdown, false),
        (Transient, panicked(), true),
        (Transient, ExitReason::StartFailed("no".into()), true),
        (Transient, ExitReason::ThreadEnded, true),
        (Transient, ExitReason::ThreadBlocked, true),
        (Transient, ExitReason::Displaced, true),
        (Temporary, ExitReason::Finished, false),
        (Temporary, panicked(), false),
        (Temporary, ExitReason::Shutdown, false),
        (Temporary, ExitReason::Displaced, false),
    ];
    for (policy, reason, restarted) in cases {
        let mut bench = Bench::new(SupervisorConfig::default());
        bench.policy = policy;
        let life = Life { reason, ..crash(0) };
        let consequence = bench.ends(0, &life);
        assert_eq!(is_restart(consequence), restarted, "{policy:?} {life:?}");
    }
}

#[test]
fn as_many_restarts_as_allowed_are_allowed_and_one_more_is_too_many() {
    for (on_give_up, last) in [
        (
            OnGiveUp::Stop,
            Consequence::GiveUp {
                cool_down: Duration::from_secs(1),
            },
        ),
        (OnGiveUp::Escalate, Consequence::Escalate),
    ] {
        let mut bench = Bench::new(SupervisorConfig {
            on_give_up,
            ..SupervisorConfig::default()
        });
        for _ in 0..3 {
            assert!(is_restart(bench.ends(0, &crash(0))));
        }
        assert_eq!(bench.ends(0, &crash(0)), last);
    }
}

#[test]
fn a_slow_drip_is_never_too_many() {
    let mut bench = Bench::new(SupervisorConfig {
        window: Duration::from_millis(100),
        ..SupervisorConfig::default()
    });
    for _ in 0..1000 {
        bench.now += Duration::from_millis(60);
        assert!(is_restart(bench.ends(0, &crash(0))));
    }
}

#[test]
fn a_life_that_finished_a_job_does_not_count_and_is_followed_at_once() {
    let mut bench = Bench::new(SupervisorConfig::default());
    for _ in 0..1000 {
        let after = Duration::ZERO;
        assert_eq!(bench.ends(0, &crash(1)), Consequence::Restart { after });
    }
}

#[test]
fn counted_strictly_every_end_counts() {
    let mut bench = Bench::new(SupervisorConfig {
        count: Counted::All,
        ..SupervisorConfig::default()
    });
    for _ in 0..3 {
        assert!(is_restart(bench.ends(0, &crash(9))));
    }
    assert!(is_give_up(bench.ends(0, &crash(9))));
}

#[test]
fn the_one_that_ended_most_often_is_given_up_and_not_whoever_ended_last() {
    let mut bench = Bench::new(SupervisorConfig::default());
    for _ in 0..3 {
        assert!(is_restart(bench.ends(0, &crash(0))));
    }
    assert!(is_restart(bench.ends(1, &crash(0))), "it ended only once");
    assert!(is_give_up(bench.ends(0, &crash(0))));
    assert!(
        is_restart(bench.ends(1, &crash(0))),
        "its turn has not come"
    );
}

#[test]
fn an_agent_whose_thread_was_blocked_by_another_is_not_to_blame() {
    let mut bench = Bench::new(SupervisorConfig {
        count: Counted::All,
        ..SupervisorConfig::default()
    });
    let displaced = Life {
        reason: ExitReason::Displaced,
        ..crash(0)
    };
    for _ in 0..10 {
        assert_eq!(bench.pause(&displaced), 0);
    }
}

#[test]
fn pauses_double_and_start_over_after_a_healthy_stretch_or_a_finished_job() {
    let mut bench = Bench::new(SupervisorConfig {
        max_restarts: 100,
        ..SupervisorConfig::default()
    });
    assert_eq!([10, 20, 40], [(); 3].map(|()| bench.pause(&crash(0))));
    let healthy = Life {
        lasted: Duration::from_secs(6),
        ..crash(0)
    };
    assert_eq!(bench.pause(&healthy), 10);
    assert_eq!(bench.pause(&crash(0)), 20);
    assert_eq!(bench.pause(&crash(1)), 0);
    assert_eq!(bench.pause(&crash(0)), 10);
}

#[test]
fn each_time_it_is_given_up_it_is_left_alone_for_longer() {
    let mut bench = Bench::new(SupervisorConfig {
        max_restarts: 0,
        ..SupervisorConfig::default()
    });
    let mut cool_down = |life| match bench.ends(0, &life) {
        Consequence::GiveUp { cool_down } => cool_down.as_secs(),
        Consequence::Restart { .. } => 0,
        other => panic!("{other}"),
    };
    assert_eq!([1, 2, 4], [(); 3].map(|()| cool_down(crash(0))));
    for _ in 0..10 {
        cool_down(crash(0));
    }
    assert_eq!(cool_down(crash(0)), 60);
    assert_eq!(cool_down(crash(1)), 0);
    assert_eq!(cool_down(crash(0)), 1);
}

proptest! {
    /// Against a list model of the ends that count: while no more than allowed lie within the
    /// window nobody is given up, and whoever is given up had ended at least as often as any.
    #[test]
    fn who_is_given_up_and_when(
        ends in prop::collection::vec((0_u64..4, 0_u64..2, 0_u64..60), 1..80),
        max_restarts in 0_usize..5,
    ) {
        let mut bench = Bench::new(SupervisorConfig {
            max_restarts,
            window: Duration::from_millis(100),
            ..SupervisorConfig::default()
        });
        let start = bench.now;
        let mut model: Vec<(Instant, u64)> = Vec::new();
        for (child, jobs, gap) in ends {
            bench.now += Duration::from_millis(gap);
            let consequence = bench.ends(child, &crash(jobs));
            if jobs > 0 {
                model.retain(|(_, other)| *other != child);
                prop_assert_eq!(consequence, Consequence::Restart { after: Duration::ZERO });
                continue;
            }
            model.retain(|(then, _)| bench.now - *then <= Duration::from_millis(100));
            model.push((bench.now, child));
            let of = |child| model.iter().filter(|(_, other)| *other == child).count();
            let worst = (0..4).all(|other| of(other) <= of(child));
            let given_up = model.len() > max_restarts && worst;
            prop_assert_eq!(is_give_up(consequence), given_up, "{:?}", bench.now - start);
            if given_up {
                model.retain(|(_, other)| *other != child);
            }
        }
    }

    /// A life may begin the next one by itself only where nothing else could be decided.
    #[test]
    fn what_is_allowed_in_advance_is_what_is_decided_afterwards(
        strategy in prop::sample::select(vec![
            RestartStrategy::OneForOne,
            RestartStrategy::OneForAll,
            RestartStrategy::RestForOne,
        ]),
        count in prop::sample::select(vec![Counted::Unproductive, Counted::All]),
        policy in prop::sample::select(vec![
            RestartPolicy::Permanent,
            RestartPolicy::Transient,
            RestartPolicy::Temporary,
        ]),
        on_give_up in prop::sample::select(vec![OnGiveUp::Stop, OnGiveUp::Escalate]),
        jobs in 1_u64..3,
    ) {
        let config = SupervisorConfig {
            strategy,
            count,
            on_give_up,
            max_restarts: 0,
            ..SupervisorConfig::default()
        };
        if config.restarts_the_productive_at_once(policy) {
            let (mut history, mut intensity) = (History::default(), Intensity::default());
            let ended = Ended {
                child: 1,
                policy,
                life: &crash(jobs),
                history: &mut history,
            };
            let decided = config.decide(ended, &mut intensity, Instant::now(), 0.5);
            prop_assert_eq!(decided, Consequence::AT_ONCE);
        }
    }
}
