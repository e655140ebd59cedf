//! What happens to the instances of an agent, and what they are asked.
//!
//! S1 to S13 are those of the simulation that the rules were first worked out with; N1 to N5 were
//! added later, and fixed before anything was tuned on them.

use std::sync::Arc;

/// A rule over instances and time, seconds.
type Over<T> = Arc<dyn Fn(usize, f64) -> T + Send + Sync>;

/// What becomes of calls that an instance does not answer as it should.
#[derive(Clone, Copy)]
pub enum Fault {
    /// It fails after so many seconds.
    Fails(f64),
    /// It has too much to do, and says for how many seconds it wants to be left alone.
    Busy(f64),
}

/// How long a piece of work takes on an instance in good health.
#[derive(Clone, Copy)]
pub enum Work {
    /// Its logarithm is spread like a bell curve: the median, and the deviation.
    LogNormal(f64, f64),
    /// Spread like a bell curve: the middle, and the deviation.
    Normal(f64, f64),
    /// Of ten pieces, nine take the first time and one the second, each spread a little.
    TwoKinds(f64, f64),
}

impl Work {
    pub fn mean(self) -> f64 {
        match self {
            Self::LogNormal(median, deviation) => median * (deviation * deviation / 2.0).exp(),
            Self::Normal(middle, _) => middle,
            Self::TwoKinds(short, long) => (0.9 * short + 0.1 * long) * (0.02_f64).exp(),
        }
    }
}

#[derive(Clone)]
pub struct Scenario {
    pub name: &'static str,
    pub instances: usize,
    /// Slots of each instance.
    pub slots: Over<usize>,
    /// As many slots as the orchestrator is told of; `None`: as there are.
    pub told_slots: Option<usize>,
    pub queue: usize,
    /// Requests are worth nothing after so many seconds.
    pub deadline: f64,
    /// Requests a second.
    pub rate: f64,
    /// Whether they come at even intervals.
    pub even: bool,
    pub work: Work,
    /// Requests come for so many seconds.
    pub span: f64,
    /// By how much an instance is slower than usual.
    pub slowness: Over<f64>,
    /// What goes wrong on an instance, and with what probability.
    pub faults: Over<Option<(f64, Fault)>>,
    /// The share of requests that no instance could answer.
    pub user_errors: f64,
    /// Every so many seconds, for so many, requests come so many times as often.
    pub bursts: Option<(f64, f64, f64)>,
    /// Each job beside others slows all of them down by this.
    pub batching: f64,
    /// Instances that are there from the start; the others join.
    pub first: usize,
    /// When instances come (true) or go (false).
    pub moves: Vec<(f64, usize, bool)>,
    /// Orchestrators that share the instances.
    pub orchestrators: usize,
    /// They hear of one another's tasks every so many seconds.
    pub news_every: Option<f64>,
}

impl Scenario {
    fn new(name: &'static str, instances: usize, slots: usize, work: Work) -> Self {
        Self {
            name,
            instances,
            slots: Arc::new(move |_, _| slots),
            told_slots: None,
            queue: 64,
            deadline: 30.0,
            rate: 0.0,
            even: false,
            work,
            span: 300.0,
            slowness: Arc::new(|_, _| 1.0),
            faults: Arc::new(|_, _| None),
            user_errors: 0.0,
            bursts: None,
            batching: 0.0,
            first: instances,
            moves: Vec::new(),
            orchestrators: 1,
            news_every: None,
        }
    }

    /// As many requests as keep so many slots busy.
    fn keeps_busy(mut self, slots: f64) -> Self {
        self.rate = slots / self.work.mean();
        self
    }

    fn slow(mut self, slowness: impl Fn(usize, f64) -> f64 + Send + Sync + 'static) -> Self {
        self.slowness = Arc::new(slowness);
        self
    }

    fn faulty(
        mut self,
        faults: impl Fn(usize, f64) -> Option<(f64, Fault)> + Send + Sync + 'static,
    ) -> Self {
        self.faults = Arc::new(faults);
        self
    }

    /// The first word of its name.
    pub fn id(&self) -> &str {
        self.name.split(' ').next().unwrap_or_default()
    }
}

/// The middle third.
fn middle(span: f64) -> impl Fn(f64) -> bool + Copy {
    move |at| span / 3.0 < at && at < span * 2.0 / 3.0
}

const USUAL: Work = Work::LogNormal(1.0, 0.5);
const HEAVY: Work = Work::LogNormal(1.0, 1.4);

/// All of them. The numbers of those from S1 on are those of the reference.
pub fn all() -> Vec<Scenario> {
    let mut all = reference();
    all.extend(own());
    all
}

fn reference() -> Vec<Scenario> {
    let is_bad = middle(300.0);
    let base = |name| Scenario::new(name, 8, 4, USUAL);
    let rate = |rate| move |scenario: Scenario| Scenario { rate, ..scenario };
    vec![
        base("S1 homogeneous").keeps_busy(0.80 * 32.0),
        Scenario::new("S1b homogeneous, 4 of 16 slots", 4, 16, USUAL).keeps_busy(0.85 * 64.0),
        base("S2 one is 10 times slower for a third")
            .keeps_busy(0.75 * 7.1 * 4.0)
            .slow(move |i, at| if i == 0 && is_bad(at) { 10.0 } else { 1.0 }),
        base("S3 grey: half fails, 3 times slower")
            .keeps_busy(0.70 * 28.0)
            .slow(move |i, at| if i == 0 && is_bad(at) { 3.0 } else { 1.0 })
            .faulty(move |i, at| (i == 0 && is_bad(at)).then_some((0.5, Fault::Fails(0.05)))),
        Scenario {
            deadline: 90.0,
            ..Scenario::new(
                "S4 sinkhole: all fails fast",
                8,
                4,
                Work::LogNormal(8.0, 0.5),
            )
        }
        .keeps_busy(0.70 * 28.0)
        .faulty(move |i, at| (i == 0 && is_bad(at)).then_some((1.0, Fault::Fails(0.02)))),
        Scenario {
            first: 6,
            moves: vec![(100.0, 6, true), (100.0, 7, true)],
            ..base("S5 two of 8 join, cold")
        }
        .keeps_busy(0.80 * 6.3 * 4.0)
        .slow(|i, at| {
            let cold = 6.0 - 5.0 * (at - 100.0) / 60.0;
            if i < 6 { 1.0 } else { cold.max(1.0) }
        }),
        Scenario {
            bursts: Some((30.0, 5.0, 2.6)),
            ..base("S6 bursts: 2.6 times for 5 s of 30")
        }
        .keeps_busy(0.60 * 32.0),
        rate(0.70 * 32.0 / 2.55)(Scenario {
            span: 600.0,
            deadline: 90.0,
            ..Scenario::new("S7 heavy tail", 8, 4, HEAVY)
        }),
        rate(0.70 * (6.0 + 1.0 / 6.0 + 0.5) * 4.0 / 2.55)(Scenario {
            span: 600.0,
            deadline: 90.0,
            ..Scenario::new("S8 heavy tail, two are 6 and 2 times slower", 8, 4, HEAVY)
        })
        .slow(|i, _| [6.0, 2.0].get(i).copied().unwrap_or(1.0)),
        Scenario {
            span: 180.0,
            deadline: 10.0,
            ..Scenario::new("S9 one stalls for 10 s every 60", 4, 16, USUAL)
        }
        .keeps_busy(0.65 * 64.0)
        .slow(|i, at| {
            let since = at % 60.0;
            if i == 0 && since < 10.0 {
                11.0 - since
            } else {
                1.0
            }
        }),
        Scenario {
            span: 120.0,
            deadline: 10.0,
            orchestrators: 4,
            news_every: Some(2.0),
            ..Scenario::new(
                "S10 4 orchestrators, news every 2 s",
                8,
                4,
                Work::LogNormal(0.2, 0.5),
            )
        }
        .keeps_busy(0.75 * 7.25 * 4.0)
        .slow(|i, _| if i == 0 { 4.0 } else { 1.0 }),
        Scenario {
            span: 1200.0,
            ..Scenario::new("S12 3 of one slot, one 5 times slower", 3, 1, USUAL)
        }
        .keeps_busy(0.70 * 2.2)
        .slow(|i, _| if i == 0 { 5.0 } else { 1.0 }),
        Scenario {
            batching: 0.08,
            ..Scenario::new("S13 batching, one 2 times slower", 4, 16, USUAL)
        }
        .keeps_busy(0.75 * 3.5 * 16.0 / 2.2)
        .slow(|i, _| if i == 0 { 2.0 } else { 1.0 }),
        Scenario {
            user_errors: 0.03,
            ..base("S11 1 % of failures, 3 % of user errors")
        }
        .keeps_busy(0.75 * 32.0)
        .faulty(|_, _| Some((0.01, Fault::Fails(0.5)))),
    ]
}

/// Seconds since the instance came, in a deployment that takes 20 s for each.
fn warming(i: usize, at: f64) -> f64 {
    #[allow(clippy::cast_precision_loss)] // there are eight
    let back = 40.0 + 20.0 * i as f64 + 5.0;
    at - back
}

fn own() -> Vec<Scenario> {
    let base = |name| Scenario::new(name, 8, 4, USUAL);
    let is_bad = middle(300.0);
    #[allow(clippy::cast_precision_loss)] // there are eight
    let leaves = |i: usize| 40.0 + 20.0 * i as f64;
    let deployed = (0..8).flat_map(|i| [(leaves(i), i, false), (leaves(i) + 5.0, i, true)]);
    vec![
        Scenario {
            moves: deployed.collect(),
            ..base("N1 deployment: each goes for 5 s and comes back cold")
        }
        .keeps_busy(0.70 * 28.0)
        .slow(|i, at| match warming(i, at) {
            since if since >= 0.0 => (4.0 - 3.0 * since / 20.0).max(1.0),
            _ => 1.0,
        }),
        base("N2 two of 8 flap: all fails for 3 s of 12")
            .keeps_busy(0.70 * 28.0)
            .faulty(|i, at| {
                let phase = if i == 1 { 6.0 } else { 0.0 };
                let bad = i < 2 && (at + phase) % 12.0 < 3.0;
                bad.then_some((1.0, Fault::Fails(0.1)))
            }),
        Scenario {
            slots: Arc::new(|i, _| if i < 4 { 2 } else { 8 }),
            ..base("N3 unequal: 2 slots, or 8 of a third of the speed")
        }
        .keeps_busy(0.75 * (4.0 * 2.0 + 4.0 * 8.0 / 3.0))
        .slow(|i, _| if i < 4 { 1.0 } else { 3.0 }),
        base("N4 one is limited: 9 of 10 are busy, come back in 2 s")
            .keeps_busy(0.70 * 28.0)
            .faulty(move |i, at| (i == 0 && is_bad(at)).then_some((0.9, Fault::Busy(2.0)))),
        Scenario {
            deadline: 20.0,
            ..Scenario::new(
                "N5 black hole, two kinds of work",
                8,
                4,
                Work::TwoKinds(0.2, 5.0),
            )
        }
        .keeps_busy(0.70 * 28.0)
        .faulty(move |i, at| (i == 0 && is_bad(at)).then_some((1.0, Fault::Fails(20.0)))),
    ]
}
