//! The history of what was learned: which corrections by users count, and which models there were.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::guide::Guide;
use super::learning::{Correction, Schooling};
use super::rules::RuleError;
use crate::words::{AgentCard, hex};

/// Corrections that are kept at most; the oldest go first.
const MOST_CORRECTIONS: usize = 1000;
/// Models that are remembered at most.
const MOST_VERSIONS: usize = 20;

/// A model of the router, or one that was refused.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Version {
    /// Its number, counted from 1.
    pub version: u64,
    /// What became of it.
    pub state: VersionState,
    /// When it was trained, UTC.
    pub trained_at: Timestamp,
    /// Texts that it learned from.
    pub lessons: usize,
    /// Corrections by users among them.
    pub corrections: usize,
    /// The share of the agents' examples that models were right about which had not seen them; null
    /// where there are too few to tell.
    pub out_of_fold_accuracy: Option<f64>,
    /// How long training took, milliseconds.
    pub took_ms: f64,
    /// A hash of all that it learned from, with what the agents are known for.
    pub fingerprint: String,
    /// The corrections that it counts, by the requests that they are of.
    #[serde(default)]
    counted: Vec<String>,
}

/// What became of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VersionState {
    /// It decides.
    Active,
    /// A later one decides.
    Replaced,
    /// It was worse than the one before it, and never decided.
    Refused,
    /// It decided until somebody went back to the one before it.
    RolledBack,
}

/// What was learned so far; this is what is stored.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct School {
    /// Those that count.
    corrections: Vec<Correction>,
    /// Those that have not been looked at yet.
    fresh: Vec<Correction>,
    /// Those that once counted.
    withdrawn: Vec<Correction>,
    versions: Vec<Version>,
}

/// What is to be learned now.
#[derive(Debug, Clone)]
pub(super) struct Lecture {
    cards: Vec<AgentCard>,
    corrections: Vec<Correction>,
    fresh: Vec<Correction>,
}

/// What came of it.
pub(super) struct Learnt {
    /// The model that decides from now on.
    pub guide: Guide,
    lecture: Lecture,
    schooling: Option<Schooling>,
    /// What the fresh corrections would have made of it, where that was worse.
    refused: Option<Schooling>,
}

/// There is no model to go back to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no correction by users counts that did not count before: there is no model to go back to")]
pub struct NoPreviousModel;

impl School {
    /// Notes what a user said; it counts once a model with it has shown to be no worse.
    pub fn note(&mut self, correction: Correction) {
        for known in [&mut self.fresh, &mut self.withdrawn] {
            known.retain(|known| known.request != correction.request);
        }
        self.fresh.push(correction);
    }

    pub fn lecture(&self, cards: Vec<AgentCard>) -> Lecture {
        Lecture {
            cards,
            corrections: self.corrections.clone(),
            fresh: self.fresh.clone(),
        }
    }

    /// Enters what came of a lecture.
    pub fn enter(&mut self, learnt: &Learnt) {
        let heard = |correction: &Correction| learnt.lecture.fresh.contains(correction);
        self.fresh.retain(|correction| !heard(correction));
        if let Some(refused) = &learnt.refused {
            let all = learnt.lecture.with_fresh();
            let version =
                self.version(VersionState::Refused, &learnt.lecture.cards, &all, *refused);
            self.versions.push(version);
        } else {
            self.corrections = learnt.lecture.with_fresh();
        }
        if let Some(schooling) = learnt.schooling {
            self.activate(&learnt.lecture.cards, schooling);
        }
        let surplus = self.versions.len().saturating_sub(MOST_VERSIONS);
        self.versions.drain(..surplus);
    }

    fn activate(&mut self, cards: &[AgentCard], schooling: Schooling) {
        let corrections = self.corrections.clone();
        let version = self.version(VersionState::Active, cards, &corrections, schooling);
        if let Some(same) = self
            .active_mut()
            .filter(|it| it.fingerprint == version.fingerprint)
        {
            // It was trained anew, after a restart.
            (same.trained_at, same.took_ms) = (version.trained_at, version.took_ms);
            return;
        }
        if let Some(before) = self.active_mut() {
            before.state = VersionState::Replaced;
        }
        self.versions.push(version);
    }

    fn version(
        &self,
        state: VersionState,
        cards: &[AgentCard],
        corrections: &[Correction],
        schooling: Schooling,
    ) -> Version {
        let last = self.versions.iter().map(|version| version.version).max();
        Version {
            version: last.unwrap_or(0) + 1,
            state,
            trained_at: Timestamp::now(),
            lessons: schooling.lessons,
            corrections: corrections.len(),
            out_of_fold_accuracy: schooling.accuracy,
            took_ms: crate::words::milliseconds(schooling.took),
            fingerprint: fingerprint(cards, corrections),
            counted: corrections.iter().map(|it| it.request.clone()).collect(),
        }
    }

    /// Has the corrections count that did before the present model, and no others.
    pub fn roll_back(&mut self) -> Result<(), NoPreviousModel> {
        let counted = self.counted();
        let earlier = self.versions.iter().rev().find(|version| {
            version.state == VersionState::Replaced
                && version.counted.iter().all(|it| counted.contains(it))
                && version.counted.len() < counted.len()
        });
        let kept = earlier.ok_or(NoPreviousModel)?.counted.clone();
        let (kept, withdrawn) = std::mem::take(&mut self.corrections)
            .into_iter()
            .partition(|correction| kept.contains(&correction.request));
        self.corrections = kept;
        self.withdrawn = withdrawn;
        if let Some(active) = self.active_mut() {
            active.state = VersionState::RolledBack;
        }
        Ok(())
    }

    fn counted(&self) -> Vec<String> {
        self.corrections
            .iter()
            .map(|it| it.request.clone())
            .collect()
    }

    fn active_mut(&mut self) -> Option<&mut Version> {
        let mut versions = self.versions.iter_mut();
        versions.find(|version| version.state == VersionState::Active)
    }

    /// All that are remembered, the latest first.
    pub fn versions(&self) -> Vec<Version> {
        self.versions.iter().rev().cloned().collect()
    }

    /// The corrections that count.
    pub fn corrections(&self) -> &[Correction] {
        &self.corrections
    }

    /// Corrections that have not been looked at yet.
    pub fn pending(&self) -> usize {
        self.fresh.len()
    }
}

impl Lecture {
    /// Trains, and looks whether the fresh corrections do any harm. Takes a while.
    pub fn hear(self) -> Result<Learnt, RuleError> {
        let (guide, schooling) = Guide::new(self.cards.clone(), &self.corrections)?;
        if self.fresh.is_empty() {
            return Ok(Learnt {
                guide,
                lecture: self,
                schooling,
                refused: None,
            });
        }
        let (corrected, tried) = Guide::new(self.cards.clone(), &self.with_fresh())?;
        let accuracy = |schooling: &Option<Schooling>| schooling.and_then(|it| it.accuracy);
        let is_worse = accuracy(&tried) < accuracy(&schooling);
        Ok(Learnt {
            guide: if is_worse { guide } else { corrected },
            schooling: if is_worse { schooling } else { tried },
            refused: tried.filter(|_| is_worse),
            lecture: self,
        })
    }

    /// The corrections that would count: of those of one text the latest.
    fn with_fresh(&self) -> Vec<Correction> {
        let mut all: Vec<Correction> = Vec::new();
        for correction in self.corrections.iter().chain(&self.fresh) {
            all.retain(|known| known.text != correction.text);
            all.push(correction.clone());
        }
        let surplus = all.len().saturating_sub(MOST_CORRECTIONS);
        all.drain(..surplus);
        all
    }
}

fn fingerprint(cards: &[AgentCard], corrections: &[Correction]) -> String {
    let mut hash = Sha256::new();
    let mut add = |text: &str| {
        hash.update(text.len().to_le_bytes());
        hash.update(text);
    };
    for card in cards {
        let shown = serde_json::to_string(card);
        add(&shown.expect("cards have string keys and always serialise"));
        card.more_examples.iter().for_each(|example| add(example));
    }
    for correction in corrections {
        add(&correction.text);
        add(&correction.agent);
    }
    let digest = hash.finalize();
    hex(&digest[..8])
}
