use std::hash::{BuildHasher, Hash, Hasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use quick_cache::sync::Cache;
use quick_cache::{DefaultHashBuilder, Equivalent};
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

/// Requests that the door remembers at most.
const DOOR: usize = 1 << 16;

/// Remembers what was decided, for requests that are the same in all that decisions depend on.
///
/// Once as much was kept as there is room for, only what is asked a second time is kept: a stream of
/// requests that never come again pushes out none of those that do.
///
/// Invariant: nothing is found that was decided by another guide than the one that is asked for, and
/// what is found has still to pass the policy, which looks at this moment.
#[derive(Debug)]
pub(super) struct Memory {
    /// `None`: nothing is remembered.
    cache: Option<Cache<Key, Arc<Remembered>>>,
    /// How much may be kept before the door is watched.
    room: AtomicU64,
    door: Door,
    ttl: Duration,
    /// For what is compared by its hash alone: one that nobody can find two texts for.
    state: RandomState,
}

/// Remembers what was asked lately, by hashes: a place for each, which the next of that place takes.
#[derive(Debug)]
struct Door {
    places: Box<[AtomicU64]>,
    hasher: DefaultHashBuilder,
}

impl Door {
    fn new(places: usize) -> Self {
        Self {
            places: (0..places).map(|_| AtomicU64::new(0)).collect(),
            hasher: DefaultHashBuilder::default(),
        }
    }

    /// Whether somebody asked for the same before, as far as is remembered.
    fn knows(&self, asked: impl Hash) -> bool {
        let hash = self.hasher.hash_one(asked);
        let places = self.places.len() as u64;
        let place = usize::try_from(hash % places).expect("there are as many places");
        self.places[place].swap(hash, Ordering::Relaxed) == hash
    }
}

/// What was decided.
#[derive(Debug)]
pub(super) struct Remembered {
    pub draft: Draft,
    /// The plan that follows from it while nothing stands in the way of any agent.
    plan: Option<Plan>,
    /// The same as a remembered one, made when it is first found.
    again: OnceLock<Plan>,
    since: Instant,
}

impl Remembered {
    pub fn new(draft: Draft, plan: Option<Plan>) -> Self {
        Self {
            draft,
            plan,
            again: OnceLock::new(),
            since: Instant::now(),
        }
    }

    /// The plan, as one that was remembered.
    pub fn plan_again(&self) -> Option<&Plan> {
        let plan = self.plan.as_ref()?;
        Some(self.again.get_or_init(|| plan.remembered()))
    }
}

/// All that a decision depends on. Texts are compared as they are: two with one key would be one.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Key {
    text: Box<str>,
    circumstances: Circumstances,
}

/// What a decision depends on beside the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Circumstances {
    guide: u64,
    strategy: RoutingStrategy,
    mode: Option<Mode>,
    signs: Signs,
    /// A hash of what came with the text and of who may be asked; 0 where there is nothing.
    others: u64,
}

/// A key to look for; it hashes as the one that it may be.
#[derive(Hash)]
struct Sought<'a> {
    text: &'a str,
    circumstances: Circumstances,
}

impl Equivalent<Key> for Sought<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        *self.text == *key.text && self.circumstances == key.circumstances
    }
}

impl Memory {
    pub fn new(config: MemoryConfig) -> Self {
        let entries = usize::try_from(config.entries).unwrap_or(usize::MAX);
        Self {
            cache: (entries > 0).then(|| Cache::new(entries)),
            room: AtomicU64::new(config.entries),
            door: Door::new(entries.clamp(1, DOOR)),
            ttl: config.ttl,
            state: RandomState::new(),
        }
    }

    pub fn find(&self, text: &str, circumstances: Circumstances) -> Option<Arc<Remembered>> {
        let sought = Sought {
            text,
            circumstances,
        };
        let found = self.cache.as_ref()?.get(&sought)?;
        (found.since.elapsed() < self.ttl).then_some(found)
    }

    pub fn keep(
        &self,
        text: &str,
        circumstances: Circumstances,
        decided: impl FnOnce() -> Remembered,
    ) {
        if let Some(cache) = &self.cache
            && self.is_admitted(text, circumstances)
        {
            let key = Key {
                text: text.into(),
                circumstances,
            };
            cache.insert(key, Arc::new(decided()));
        }
    }

    fn is_admitted(&self, text: &str, circumstances: Circumstances) -> bool {
        let room = |room: u64| room.checked_sub(1);
        let taken = self
            .room
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, room);
        taken.is_ok() || self.door.knows((text, circumstances))
    }

    pub fn circumstances(&self, question: &Question<'_>, guide: u64) -> Circumstances {
        Circumstances {
            guide,
            strategy: question.strategy,
            mode: question.mode,
            signs: question.signs(),
            others: self.others(question),
        }
    }

    fn others(&self, question: &Question<'_>) -> u64 {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn memory(entries: u64) -> Memory {
        let ttl = Duration::from_secs(300);
        Memory::new(MemoryConfig { ttl, entries })
    }

    /// Decides on a text, and tells whether that was known before.
    fn decide(memory: &Memory, text: &str) -> bool {
        let question = Question::new(text);
        let circumstances = memory.circumstances(&question, 1);
        let known = memory.find(text, circumstances).is_some();
        if !known {
            let draft = Draft {
                errands: Vec::new(),
                mode: Mode::Single,
                advice: None,
                trouble: Vec::new(),
            };
            memory.keep(text, circumstances, || Remembered::new(draft, None));
        }
        known
    }

    #[test]
    fn while_there_is_room_everything_is_kept_at_once() {
        let memory = memory(1000);
        assert!(!decide(&memory, "a"));
        assert!(decide(&memory, "a"));
    }

    #[test]
    fn once_it_is_full_only_what_is_asked_again_is_kept() {
        let memory = memory(1000);
        (0..1000).for_each(|number| assert!(!decide(&memory, &format!("once {number}"))));
        let asked = [(); 3].map(|()| decide(&memory, "again"));
        assert_eq!(asked, [false, false, true]);
        // Many that never come again do not push it out.
        (0..5000).for_each(|number| assert!(!decide(&memory, &format!("never again {number}"))));
        assert!(decide(&memory, "again"));
    }

    #[test]
    fn what_was_decided_by_another_guide_or_too_long_ago_is_not_found() {
        let memory = memory(10);
        decide(&memory, "a");
        let question = Question::new("a");
        assert!(
            memory
                .find("a", memory.circumstances(&question, 2))
                .is_none()
        );
        let forgetful = Memory {
            ttl: Duration::ZERO,
            ..memory
        };
        assert!(!decide(&forgetful, "a"));
    }
}
