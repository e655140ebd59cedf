use std::hash::{BuildHasher, Hash, Hasher, RandomState};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use moka::sync::Cache;
use serde_json::{Map, Value};

use super::decision::{Mode, Plan, RoutingStrategy};
use super::draft::Draft;
use super::question::Question;
use super::signs::Signs;

/// How long decisions are remembered, and how many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryConfig {
    /// How long.
    pub ttl: Duration,
    /// How many at most; none: every request is decided anew.
    pub entries: u64,
}

impl MemoryConfig {
    /// Nothing is remembered.
    pub const NONE: Self = Self {
        ttl: Duration::ZERO,
        entries: 0,
    };
}

impl Default for MemoryConfig {
    fn default() -> Self {
        Self {
            ttl: Duration::from_secs(300),
            entries: 10_000,
        }
    }
}

/// Remembers what was decided, for requests that are the same in all that decisions depend on.
///
/// Invariant: nothing is found that was decided by another guide than the one that is asked for, and
/// what is found has still to pass the policy, which looks at this moment.
#[derive(Debug)]
pub(super) struct Memory {
    /// `None`: nothing is remembered.
    cache: Option<Cache<Key, Remembered>>,
    state: RandomState,
}

/// What was decided.
#[derive(Debug, Clone)]
pub(super) struct Remembered {
    pub draft: Arc<Draft>,
    /// The plan that follows from it while nothing stands in the way of any agent.
    plan: Option<Plan>,
    /// The same as a remembered one, made when it is first found.
    again: Arc<OnceLock<Plan>>,
}

impl Remembered {
    pub fn new(draft: Draft, plan: Option<Plan>) -> Self {
        Self {
            draft: Arc::new(draft),
            plan,
            again: Arc::default(),
        }
    }

    /// The plan, as one that was remembered.
    pub fn plan_again(&self) -> Option<&Plan> {
        let plan = self.plan.as_ref()?;
        Some(self.again.get_or_init(|| plan.remembered()))
    }
}

/// All that a decision depends on. Texts are compared as they are: two with one key would be one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    text: Box<str>,
    guide: u64,
    strategy: RoutingStrategy,
    mode: Option<Mode>,
    signs: Signs,
    /// A hash of what came with the text and of who may be asked; 0 where there is nothing.
    circumstances: u64,
}

impl Memory {
    pub fn new(config: MemoryConfig) -> Self {
        Self {
            cache: (config.entries > 0).then(|| {
                let cache = Cache::builder().max_capacity(config.entries);
                cache.time_to_live(config.ttl).build()
            }),
            state: RandomState::new(),
        }
    }

    pub fn key(&self, question: &Question<'_>, guide: u64) -> Key {
        Key {
            text: question.content.trim().into(),
            guide,
            strategy: question.strategy,
            mode: question.mode,
            signs: question.signs(),
            circumstances: self.circumstances(question),
        }
    }

    pub fn find(&self, key: &Key) -> Option<Remembered> {
        self.cache.as_ref()?.get(key)
    }

    pub fn keep(&self, key: Key, decided: impl FnOnce() -> Remembered) {
        if let Some(cache) = &self.cache {
            cache.insert(key, decided());
        }
    }

    fn circumstances(&self, question: &Question<'_>) -> u64 {
        let context = question.context.filter(|context| !context.is_empty());
        if context.is_none() && question.history.is_empty() && question.permitted.is_none() {
            return 0;
        }
        let mut hasher = self.state.build_hasher();
        if let Some(context) = context {
            hash_members(context, &mut hasher);
        }
        for turn in question.history {
            (turn.role as u8, &turn.content).hash(&mut hasher);
        }
        question.permitted.hash(&mut hasher);
        hasher.finish()
    }
}

fn hash_members(members: &Map<String, Value>, hasher: &mut impl Hasher) {
    members.len().hash(hasher);
    for (name, value) in members {
        name.hash(hasher);
        hash_value(value, hasher);
    }
}

fn hash_value(value: &Value, hasher: &mut impl Hasher) {
    std::mem::discriminant(value).hash(hasher);
    match value {
        Value::Null => {}
        Value::Bool(value) => value.hash(hasher),
        Value::Number(number) => number.hash(hasher),
        Value::String(text) => text.hash(hasher),
        Value::Array(items) => {
            items.len().hash(hasher);
            for item in items {
                hash_value(item, hasher);
            }
        }
        Value::Object(members) => hash_members(members, hasher),
    }
}
