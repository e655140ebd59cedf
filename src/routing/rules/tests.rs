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
