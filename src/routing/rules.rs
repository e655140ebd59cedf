//! Words, phrases and regular expressions that speak for agents, found all at once.

use std::collections::HashMap;
use std::sync::Arc;

use aho_corasick::{AhoCorasick, MatchKind};
use regex::{RegexSet, RegexSetBuilder};

use super::negation;
use super::signs::Signs;
use super::text::{Text, normalised};
use crate::words::{AgentCard, AgentName, Keyword, Pattern, Sign};

/// The keywords of all agents in one automaton, and their regular expressions in another, so that
/// the time to match a text does not grow with their number.
///
/// ```
/// use agent_orchestrator::AgentSpec;
/// use agent_orchestrator::routing::RuleTable;
///
/// let spec = AgentSpec::new("chat_agent", || Silent).keywords(["hi"]);
/// let table = RuleTable::new([spec.card()])?;
/// assert_eq!(table.matches("Hi there")[0].agent.as_ref(), "chat_agent");
/// assert!(table.matches("is this it?").is_empty());
/// assert!(table.matches("don't say hi, only nod to them").is_empty());
/// # use agent_orchestrator::{Agent, AgentContext, AgentError, Reply, Task};
/// # struct Silent;
/// # impl Agent for Silent {
/// #     async fn handle(&self, _: Task, _: &AgentContext) -> Result<Reply, AgentError> {
/// #         Ok(Reply::text(""))
/// #     }
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct RuleTable {
    agents: Vec<AgentName>,
    phrases: AhoCorasick,
    regexes: RegexSet,
    /// Which rules each phrase, after those each regular expression, and then each sign is the
    /// pattern of.
    rules_of: Vec<Vec<usize>>,
    rules: Vec<Rule>,
}

/// A keyword with what it depends on, as places among the phrases.
#[derive(Debug)]
struct Rule {
    agent: usize,
    weight: f64,
    shown: Arc<str>,
    requires: Vec<usize>,
    forbids: Vec<usize>,
}

/// What speaks for one agent in a text.
#[derive(Debug, Clone, PartialEq)]
pub struct Match {
    /// The agent.
    pub agent: AgentName,
    /// Its place among the cards.
    pub place: usize,
    /// The sum of the weights of the keywords that were found, each counted once.
    pub weight: f64,
    /// The keywords that were found.
    pub keywords: Vec<Arc<str>>,
}

/// Why there can be no table of these rules.
#[derive(Debug, thiserror::Error)]
pub enum RuleError {
    /// The phrases are too many.
    #[error("the keywords are too many: {0}")]
    Phrases(#[from] aho_corasick::BuildError),
    /// A regular expression is none, or they are too many.
    #[error("the regular expressions cannot be used: {0}")]
    Regexes(#[from] regex::Error),
}

impl RuleTable {
    /// Builds the table from the cards' keywords.
    ///
    /// # Errors
    /// When the keywords are too many for an automaton (their lengths sum to more than 2 GiB), or a
    /// regular expression is none.
    pub fn new<'a>(cards: impl IntoIterator<Item = &'a AgentCard>) -> Result<Self, RuleError> {
        let cards: Vec<&AgentCard> = cards.into_iter().collect();
        let mut patterns = Patterns::default();
        let mut rules = Vec::new();
        let mut patterns_of = Vec::new();
        for (agent, card) in cards.iter().enumerate() {
            for keyword in &card.keywords {
                if let Some(pattern) = patterns.place(&keyword.pattern) {
                    rules.push(patterns.rule(agent, keyword));
                    patterns_of.push(pattern);
                }
            }
        }
        let (phrases, regexes) = (patterns.phrases.len(), patterns.regexes.len());
        let mut rules_of = vec![Vec::new(); phrases + regexes + Sign::ALL.len()];
        for (rule, pattern) in patterns_of.into_iter().enumerate() {
            let place = match pattern {
                Place::Phrase(place) => place,
                Place::Regex(place) => phrases + place,
                Place::Sign(sign) => phrases + regexes + sign as usize,
            };
            rules_of[place].push(rule);
        }
        Ok(Self {
            agents: cards.iter().map(|card| card.name.clone()).collect(),
            phrases: AhoCorasick::builder()
                .match_kind(MatchKind::Standard)
                .build(&patterns.phrases)?,
            regexes: RegexSetBuilder::new(&patterns.regexes)
                .case_insensitive(true)
                .build()?,
            rules_of,
            rules,
        })
    }

    /// What speaks for whom in the text: the loudest first, equals in the order of the cards.
    #[must_use]
    pub fn matches(&self, text: &str) -> Vec<Match> {
        let text = Text::new(text);
        let wanted = negation::divide(&text.written, &text.words);
        let words = wanted.as_ref().map_or(&text.words, |(wanted, _)| wanted);
        self.matches_in(words, &text.written, Signs::of(&text))
    }

    /// The same for a text whose words are known, without those that say what is not wanted, and of which
    /// these signs were seen.
    pub(super) fn matches_in(&self, words: &str, written: &str, signs: Signs) -> Vec<Match> {
        let mut heard: Vec<usize> = Vec::new();
        // Phrases begin and end with the space that their neighbours share: hence overlapping.
        for hit in self.phrases.find_overlapping_iter(words) {
            let phrase = hit.pattern().as_usize();
            if !heard.contains(&phrase) {
                heard.push(phrase);
            }
        }
        let phrases = heard.len();
        if !self.regexes.is_empty() {
            let found = self.regexes.matches(written);
            heard.extend(
                found
                    .iter()
                    .map(|regex| self.phrases.patterns_len() + regex),
            );
        }
        let first_sign = self.phrases.patterns_len() + self.regexes.len();
        heard.extend(signs.iter().map(|sign| first_sign + sign as usize));
        let mut found: Vec<Match> = Vec::new();
        let counts = |rule: &&Rule| {
            let said = |phrase: &usize| heard[..phrases].contains(phrase);
            rule.requires.iter().all(said) && !rule.forbids.iter().any(said)
        };
        let rules = heard.iter().flat_map(|pattern| &self.rules_of[*pattern]);
        for rule in rules.map(|rule| &self.rules[*rule]).filter(counts) {
            self.add(&mut found, rule);
        }
        found.sort_by(|x, y| y.weight.total_cmp(&x.weight).then(x.place.cmp(&y.place)));
        found
    }

    fn add(&self, found: &mut Vec<Match>, rule: &Rule) {
        let place = found.iter().position(|known| known.place == rule.agent);
        let place = place.unwrap_or_else(|| {
            found.push(Match {
                agent: self.agents[rule.agent].clone(),
                place: rule.agent,
                weight: 0.0,
                keywords: Vec::new(),
            });
            found.len() - 1
        });
        found[place].weight += rule.weight;
        found[place].keywords.push(Arc::clone(&rule.shown));
    }
}

/// Where a pattern is, among those of its kind.
enum Place {
    Phrase(usize),
    Regex(usize),
    Sign(Sign),
}

/// The patterns so far, each once.
#[derive(Default)]
struct Patterns {
    phrases: Vec<String>,
    regexes: Vec<String>,
    known_phrases: HashMap<String, usize>,
    known_regexes: HashMap<String, usize>,
}

impl Patterns {
    /// Where the pattern is; `None` for a phrase without words.
    fn place(&mut self, pattern: &Pattern) -> Option<Place> {
        match pattern {
            Pattern::Phrase(phrase) => self.phrase(phrase).map(Place::Phrase),
            Pattern::Regex(regex) => {
                let next = self.regexes.len();
                let place = *self.known_regexes.entry(regex.clone()).or_insert(next);
                if place == next {
                    self.regexes.push(regex.clone());
                }
                Some(Place::Regex(place))
            }
            Pattern::Sign(sign) => Some(Place::Sign(*sign)),
        }
    }

    fn phrase(&mut self, phrase: &str) -> Option<usize> {
        let words = normalised(phrase);
        if words.trim().is_empty() {
            return None;
        }
        let next = self.phrases.len();
        let place = *self.known_phrases.entry(words.clone()).or_insert(next);
        if place == next {
            self.phrases.push(words);
        }
        Some(place)
    }

    fn rule(&mut self, agent: usize, keyword: &Keyword) -> Rule {
        let mut places = |phrases: &[String]| {
            let places = phrases.iter().filter_map(|phrase| self.phrase(phrase));
            places.collect()
        };
        let shown = match &keyword.pattern {
            Pattern::Sign(sign) => sign.told(),
            pattern => pattern.as_str(),
        };
        Rule {
            agent,
            weight: keyword.weight,
            shown: shown.into(),
            requires: places(&keyword.requires),
            forbids: places(&keyword.forbids),
        }
    }
}

#[cfg(test)]
#[path = "rules/tests.rs"]
mod tests;
