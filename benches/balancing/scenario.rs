//! What happens to the instances of an agent, and what they are asked.
//!

mod figures;
mod own;
mod reference;

use std::sync::Arc;

pub use figures::{broken, linkerd, metastable, moving, outage, overload};

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
    /// An attempt at one may take so long; `None`: as long as the request.
    pub attempt: Option<f64>,
    /// How often a request is tried.
    pub attempts: usize,
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
    /// So many times as often as usual requests come at that time.
    pub bursts: Arc<dyn Fn(f64) -> f64 + Send + Sync>,
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
    pub fn new(name: &'static str, instances: usize, slots: usize, work: Work) -> Self {
        Self {
            name,
            instances,
            slots: Arc::new(move |_, _| slots),
            told_slots: None,
            queue: 64,
            deadline: 30.0,
            attempt: None,
            attempts: 2,
            rate: 0.0,
            even: false,
            work,
            span: 300.0,
            slowness: Arc::new(|_, _| 1.0),
            faults: Arc::new(|_, _| None),
            user_errors: 0.0,
            bursts: Arc::new(|_| 1.0),
            batching: 0.0,
            first: instances,
            moves: Vec::new(),
            orchestrators: 1,
            news_every: None,
        }
    }

    /// As many requests as keep so many slots busy.
    pub fn keeps_busy(mut self, slots: f64) -> Self {
        self.rate = slots / self.work.mean();
        self
    }

    pub fn slow(mut self, slowness: impl Fn(usize, f64) -> f64 + Send + Sync + 'static) -> Self {
        self.slowness = Arc::new(slowness);
        self
    }

    pub fn faulty(
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

/// All that strategies are compared in.
pub fn all() -> Vec<Scenario> {
    let mut all = reference::all();
    all.extend(own::all());
    all
}
