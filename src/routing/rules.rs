//! Words and phrases that speak for agents, found all at once.

use std::collections::HashMap;

use aho_corasick::{AhoCorasick, BuildError};

use super::text::normalised;
use crate::words::{AgentCard, AgentName};

/// The keywords of all agents in one automaton, so that the time to match a text does not grow
/// with their number.
///
/// ```
/// use agent_orchestrator::AgentSpec;
/// use agent_orchestrator::routing::RuleTable;
///
/// let spec = AgentSpec::new("chat_agent", || Silent).keywords(["hi"]);
/// let table = RuleTable::new([spec.card()])?;
/// assert_eq!(table.matches("Hi there")[0].agent.as_ref(), "chat_agent");
/// assert!(table.matches("is this it?").is_empty());
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
    automaton: AhoCorasick,
    /// For each pattern of the automaton, whom it speaks for.
    voices: Vec<Pattern>,
}

#[derive(Debug)]
struct Pattern {
    shown: String,
    voices: Vec<(usize, f64)>,
}

/// What speaks for one agent in a text.
#[derive(Debug, Clone, PartialEq)]
pub struct Match {
    /// The agent.
    pub agent: AgentName,
    /// The sum of the weights of the keywords that were found, each counted once.
    pub weight: f64,
    /// The keywords that were found, in the order of the text.
    pub keywords: Vec<String>,
}

impl RuleTable {
    /// Builds the table from the cards' keywords.
    ///
    /// # Errors
    /// When the keywords are too many for an automaton (their lengths sum to more than 2 GiB).
    pub fn new<'a>(cards: impl IntoIterator<Item = &'a AgentCard>) -> Result<Self, BuildError> {
        let mut agents = Vec::new();
        let mut patterns: Vec<String> = Vec::new();
        let mut voices: Vec<Pattern> = Vec::new();
        let mut known: HashMap<String, usize> = HashMap::new();
        for (number, card) in cards.into_iter().enumerate() {
            agents.push(card.name.clone());
            for keyword in &card.keywords {
                let pattern = normalised(&keyword.phrase);
                if pattern.trim().is_empty() {
                    continue;
                }
                let place = *known.entry(pattern.clone()).or_insert_with(|| {
                    patterns.push(pattern);
                    voices.push(Pattern {
                        shown: keyword.phrase.clone(),
                        voices: Vec::new(),
                    });
                    voices.len() - 1
                });
                voices[place].voices.push((number, keyword.weight));
            }
        }
        Ok(Self {
            agents,
            automaton: AhoCorasick::new(&patterns)?,
            voices,
        })
    }

    /// What speaks for whom in the text: the loudest first, equals in the order of the cards.
    #[must_use]
    pub fn matches(&self, text: &str) -> Vec<Match> {
        let text = normalised(text);
        let mut heard: Vec<usize> = Vec::new();
        let mut found: Vec<(usize, Match)> = Vec::new();
        // Patterns begin and end with the space that their neighbours share: hence overlapping.
        for hit in self.automaton.find_overlapping_iter(&text) {
            let pattern = hit.pattern().as_usize();
            if heard.contains(&pattern) {
                continue;
            }
            heard.push(pattern);
            let Pattern { shown, voices } = &self.voices[pattern];
            for (number, weight) in voices {
                self.add(&mut found, *number, *weight, shown);
            }
        }
        found.sort_by(|(a, x), (b, y)| y.weight.total_cmp(&x.weight).then(a.cmp(b)));
        found.into_iter().map(|(_, found)| found).collect()
    }

    fn add(&self, found: &mut Vec<(usize, Match)>, number: usize, weight: f64, shown: &str) {
        let place = found.iter().position(|(known, _)| *known == number);
        let place = place.unwrap_or_else(|| {
            let agent = self.agents[number].clone();
            found.push((
                number,
                Match {
                    agent,
                    weight: 0.0,
                    keywords: Vec::new(),
                },
            ));
            found.len() - 1
        });
        let entry = &mut found[place].1;
        entry.weight += weight;
        entry.keywords.push(shown.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::words::Keyword;

    fn card(name: &str, keywords: &[(&str, f64)]) -> AgentCard {
        AgentCard {
            name: name.into(),
            description: String::new(),
            kind: "custom",
            group: None,
            capabilities: Vec::new(),
            keywords: keywords
                .iter()
                .map(|(phrase, weight)| Keyword::weighted(*phrase, *weight))
                .collect(),
            examples: Vec::new(),
            model: None,
        }
    }

    fn matched(table: &RuleTable, text: &str) -> Vec<(String, f64)> {
        let matches = table.matches(text).into_iter();
        matches.map(|m| (m.agent.to_string(), m.weight)).collect()
    }

    #[test]
    fn only_whole_words_count() {
        let table = RuleTable::new(&[card("chat", &[("hi", 1.0)])]).unwrap();
        for text in ["this", "which", "hi5", "chi"] {
            assert!(table.matches(text).is_empty(), "{text}");
        }
        for text in ["hi", "Hi!", "oh, HI there", "(hi)"] {
            assert_eq!(matched(&table, text), [("chat".to_owned(), 1.0)], "{text}");
        }
    }

    #[test]
    fn a_phrase_is_its_words_in_order_whatever_stands_between_them() {
        let table = RuleTable::new(&[card("util", &[("time zone", 2.0), ("% of", 1.0)])]).unwrap();
        assert_eq!(matched(&table, "which TIME-\nZONE"), [("util".into(), 2.0)]);
        assert_eq!(matched(&table, "17% of 3"), [("util".into(), 1.0)]);
        assert!(table.matches("zone time").is_empty());
        assert!(table.matches("time in a zone").is_empty());
    }

    #[test]
    fn neighbouring_words_are_both_found_and_repeats_count_once() {
        let table = RuleTable::new(&[
            card("a", &[("run", 1.0), ("shell", 1.0)]),
            card("b", &[("shell", 3.0)]),
        ])
        .unwrap();
        assert_eq!(
            matched(&table, "run shell shell run"),
            [("b".to_owned(), 3.0), ("a".to_owned(), 2.0)]
        );
    }

    #[test]
    fn equals_keep_the_order_of_the_cards() {
        let table = RuleTable::new(&[card("b", &[("x", 1.0)]), card("a", &[("x", 1.0)])]).unwrap();
        assert_eq!(matched(&table, "x"), [("b".into(), 1.0), ("a".into(), 1.0)]);
    }

    proptest! {
        /// Against a list model: a keyword is found exactly when it is one of the text's words.
        #[test]
        fn the_automaton_finds_what_a_list_of_words_contains(
            text in prop::collection::vec("[abc]{1,2}", 0..12),
            keywords in prop::collection::btree_set("[abc]{1,2}", 1..8),
        ) {
            let keywords: Vec<(&str, f64)> = keywords.iter().map(|k| (k.as_str(), 1.0)).collect();
            let table = RuleTable::new(&[card("a", &keywords)]).unwrap();
            let expected = keywords.iter().filter(|(k, _)| text.iter().any(|w| w == k)).count();
            let found = table.matches(&text.join(" "));
            prop_assert_eq!(found.first().map_or(0, |m| m.keywords.len()), expected);
        }
    }
}
