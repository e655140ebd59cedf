use proptest::prelude::*;

use super::*;
use crate::words::Keyword;

fn card(name: &str, keywords: &[(&str, f64)]) -> AgentCard {
    AgentCard {
        keywords: keywords
            .iter()
            .map(|(phrase, weight)| Keyword::weighted(*phrase, *weight))
            .collect(),
        ..AgentCard::named(name)
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

fn spoken(keywords: Vec<Keyword>, text: &str) -> bool {
    let card = AgentCard {
        keywords,
        ..AgentCard::named("a")
    };
    !RuleTable::new(&[card]).unwrap().matches(text).is_empty()
}

#[test]
fn a_regular_expression_is_found_as_it_was_written() {
    let sum = || vec![Keyword::regex(r"\d+ *[-+*/] *\d+")];
    assert!(spoken(sum(), "what is 3+4?"));
    assert!(!spoken(sum(), "what is three plus four?"));
    assert!(spoken(vec![Keyword::regex("ra+in")], "RAAAIN"));
}

#[test]
fn what_can_be_seen_of_a_text_speaks_like_a_word() {
    let path = || vec![Keyword::sign(Sign::Path)];
    assert!(spoken(path(), "look at /var/log/syslog"));
    assert!(!spoken(path(), "look at the log"));
    let arithmetic = vec![Keyword::sign(Sign::Arithmetic).requires(["why"])];
    assert!(spoken(arithmetic.clone(), "why is 2 + 2 four"));
    assert!(!spoken(arithmetic, "what is 2 + 2"));
}

#[test]
fn what_is_required_must_be_there_and_what_is_forbidden_must_not() {
    let search = || {
        vec![
            Keyword::from("search")
                .requires(["our"])
                .forbids(["the web"]),
        ]
    };
    assert!(spoken(search(), "search our notes"));
    assert!(!spoken(search(), "search for it"));
    assert!(!spoken(search(), "search our page on the web"));
}

#[test]
fn what_is_not_wanted_does_not_speak() {
    let search = || vec![Keyword::from("search")];
    assert!(!spoken(search(), "don't search, just explain what it is"));
    assert!(spoken(search(), "don't explain, just search for it"));
}

#[test]
fn what_is_no_regular_expression_is_refused() {
    let card = AgentCard {
        keywords: vec![Keyword::regex("(")],
        ..AgentCard::named("a")
    };
    let error = RuleTable::new(&[card]).unwrap_err();
    assert!(error.to_string().contains("unclosed group"), "{error}");
}
