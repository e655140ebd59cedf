//! What it costs to choose an instance, by how many there are and by which rule: the choice alone,
//! and with the place that is taken and given back.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use agent_orchestrator::balancing::{Algorithm, BalancingConfig, Candidate, Member, Pool};
use agent_orchestrator::judgement::{BreakerConfig, Deadline, Outcome, Pace, Place};
use agent_orchestrator::mailbox::{Capacity, Claim, Mailbox, MailboxSpec};
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use fastrand::Rng;

/// As in the binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Instances that have answered and failed, and have something to do.
fn instances(count: usize, now: Instant) -> (Vec<Arc<Mailbox>>, Vec<Place>) {
    let pace = Pace::new();
    let (mut rng, mut places) = (Rng::with_seed(1), Vec::new());
    let mut instance = |number| {
        let spec = MailboxSpec {
            agent: "a".into(),
            number,
            weight: 1,
            capacity: Capacity::default(),
            breaker: BreakerConfig::default(),
            listener: None,
            pace: Arc::clone(&pace),
        };
        let mailbox = Mailbox::new(spec, now);
        let claim = Claim::new(Deadline::after(now, Duration::from_secs(60)));
        for call in 0..40 {
            let lease = mailbox
                .reserve(claim, now)
                .expect("nothing has happened yet");
            let (place, case) = lease.split();
            let outcome = if call % 8 == 7 {
                Outcome::Failure
            } else {
                Outcome::Success
            };
            let took = Duration::from_secs_f64(
                0.5 + rng.f64() * f64::from(u32::try_from(number).unwrap_or(0) + 1),
            );
            case.close(outcome, took, now, 0.5);
            if call < 1 + number % 6 {
                places.push(place);
            }
        }
        mailbox
    };
    ((0..count).map(&mut instance).collect(), places)
}

fn picking(c: &mut Criterion) {
    let start = Instant::now();
    let now = start + Duration::from_secs(3);
    for (name, algorithm) in Algorithm::NAMES {
        let mut group = c.benchmark_group(format!("picking, {name}"));
        for count in [2, 8, 32] {
            let (mailboxes, _places) = instances(count, start);
            let config = BalancingConfig {
                algorithm: *algorithm,
                ..BalancingConfig::default()
            };
            let members = mailboxes.iter().cloned().map(Member::new);
            let pool = Pool::new(members.collect(), config);
            let claim = Claim::new(Deadline::after(now, Duration::from_secs(60)));
            let mut chance = Rng::with_seed(1);
            let strategy = config.strategy().expect("balancing is switched on");
            let candidates: Vec<Candidate<'_>> = mailboxes
                .iter()
                .enumerate()
                .map(|(member, mailbox)| Candidate {
                    member,
                    weight: 1,
                    taken: mailbox.load().taken(),
                    concurrency: 8,
                    health: 1.0,
                    warmth: 1.0,
                    on_trial: false,
                    load: mailbox.load(),
                })
                .collect();
            group.bench_with_input(BenchmarkId::new("choice", count), &(), |b, ()| {
                b.iter(|| strategy.choose(black_box(&candidates), now, &mut chance));
            });
            group.bench_with_input(BenchmarkId::new("lease", count), &(), |b, ()| {
                b.iter(|| drop(pool.lease(black_box(claim), &[], now, &mut chance)));
            });
        }
        group.finish();
    }
}

criterion_group!(benches, picking);
criterion_main!(benches);
