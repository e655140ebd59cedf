//! Turns a person's question into a search.
//!
//! What a person writes is data, never query syntax: only its words count, reduced to their stems
//! and without those that every question has. A passage must contain a third of the remaining
//! words; it is preferred when it contains them all, when its headings do, and when it says what
//! the thing asked for *is*.

use std::collections::HashSet;

use tantivy::Term;
use tantivy::query::{BooleanQuery, BoostQuery, Occur, PhraseQuery, Query, TermQuery};
use tantivy::schema::{Field, IndexRecordOption};
use tantivy::tokenizer::{
    AsciiFoldingFilter, LowerCaser, RemoveLongFilter, SimpleTokenizer, Stemmer, StopWordFilter,
    TextAnalyzer,
};

use super::index::Fields;

/// The most words of a question that count.
const MOST_WORDS: usize = 32;

/// The longest word that is indexed or searched for, in bytes.
const LONGEST_WORD: usize = 60;

/// How much more a word counts in a heading than in the text below.
const HEADING_BOOST: f32 = 2.5;

/// How much saying what the thing asked for is counts, as against its mere mention.
const DEFINITION_BOOST: f32 = 2.0;

/// What follows a term where it is defined.
const DEFINING_WORDS: [&str; 3] = ["is", "are", "means"];

/// Words that say how something is asked, not what.
const STOP_WORDS: &str = "
    a about after all also am an and any are aren as at be because been before being but by
    can cannot could couldn d define defined definition describe did didn do does doesn doing don
    each else explain find for from get give had has hasn have haven having he hello her here hey
    hi him his how i if in into is isn it its just know let like ll m may me mean meaning means
    might more most must my no nor not of on one or our out over please s shall she should
    shouldn show so some such t tell than thank thanks that the their them then there these they
    this those to too under up us ve very want was wasn we were weren what whats when where
    whether which while who whom whose why will with won would wouldn you your";

/// The words of a question that are worth searching for, in order, as stems, each once.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Question {
    words: Vec<String>,
}

/// Reads English text as the stems of its words; indexing and searching must both use it.
pub(super) fn analyzer() -> TextAnalyzer {
    TextAnalyzer::builder(SimpleTokenizer::default())
        .filter(RemoveLongFilter::limit(LONGEST_WORD))
        .filter(LowerCaser)
        .filter(AsciiFoldingFilter)
        .filter(Stemmer::default())
        .build()
}

fn question_analyzer() -> TextAnalyzer {
    let stop_words = STOP_WORDS.split_whitespace().map(str::to_owned);
    TextAnalyzer::builder(SimpleTokenizer::default())
        .filter(RemoveLongFilter::limit(LONGEST_WORD))
        .filter(LowerCaser)
        .filter(AsciiFoldingFilter)
        .filter(StopWordFilter::remove(stop_words))
        .filter(Stemmer::default())
        .build()
}

impl Question {
    /// Reads a question.
    pub(super) fn new(text: &str) -> Self {
        let mut analyzer = question_analyzer();
        let mut stream = analyzer.token_stream(text);
        let mut seen = HashSet::new();
        let mut words = Vec::new();
        while words.len() < MOST_WORDS && stream.advance() {
            let word = &stream.token().text;
            if seen.insert(word.clone()) {
                words.push(word.clone());
            }
        }
        Self { words }
    }

    /// The search for this question; `None` where it has no words worth searching for.
    pub(super) fn query(&self, fields: Fields) -> Option<Box<dyn Query>> {
        if self.words.is_empty() {
            return None;
        }
        let required = self.words.len().div_ceil(3);
        let some = BooleanQuery::union_with_minimum_required_clauses(self.each(fields), required);
        let all = BooleanQuery::intersection(self.each(fields));
        let mut clauses: Vec<(Occur, Box<dyn Query>)> = vec![
            (Occur::Must, Box::new(some)),
            (Occur::Should, Box::new(all)),
        ];
        let definitions = self.definitions(fields.text).into_iter();
        clauses.extend(definitions.map(|query| (Occur::Should, query)));
        Some(Box::new(BooleanQuery::new(clauses)))
    }

    fn each(&self, fields: Fields) -> Vec<Box<dyn Query>> {
        let words = self.words.iter();
        words.map(|word| anywhere(word, fields)).collect()
    }

    fn definitions(&self, text: Field) -> Vec<Box<dyn Query>> {
        let stems = DEFINING_WORDS.iter().filter_map(|word| stem(word));
        let phrases = stems.map(|defining| {
            let words = self.words.iter().chain([&defining]);
            let terms = words.map(|word| Term::from_field_text(text, word));
            PhraseQuery::new(terms.collect())
        });
        phrases
            .map(|phrase| boosted(phrase, DEFINITION_BOOST))
            .collect()
    }
}

fn anywhere(word: &str, fields: Fields) -> Box<dyn Query> {
    let heading = boosted(term(fields.heading, word), HEADING_BOOST);
    let text = Box::new(term(fields.text, word));
    Box::new(BooleanQuery::union(vec![heading, text]))
}

fn term(field: Field, word: &str) -> TermQuery {
    let term = Term::from_field_text(field, word);
    TermQuery::new(term, IndexRecordOption::WithFreqs)
}

fn boosted(query: impl Query, boost: f32) -> Box<dyn Query> {
    Box::new(BoostQuery::new(Box::new(query), boost))
}

fn stem(word: &str) -> Option<String> {
    let mut analyzer = analyzer();
    let mut stream = analyzer.token_stream(word);
    stream.next().map(|token| token.text.clone())
}

#[cfg(test)]
mod tests {
    use super::super::index::PassageIndex;
    use super::super::passage::passages;
    use super::*;

    fn words(question: &str) -> Vec<String> {
        Question::new(question).words
    }

    /// The first line of every passage found, best first.
    fn found(markdown: &str, question: &str) -> Vec<String> {
        let index = PassageIndex::new(analyzer());
        let mut edit = index.edit();
        edit.add("a.md", passages("a.md", markdown)).unwrap();
        edit.publish().unwrap();
        let hits = index.view().search(&Question::new(question), 9).unwrap();
        let lines = hits
            .iter()
            .filter_map(|hit| hit.passage.text.lines().next());
        lines.map(str::to_owned).collect()
    }

    #[test]
    fn only_the_words_that_say_what_is_asked_count() {
        assert_eq!(words("What is a circuit breaker?"), ["circuit", "breaker"]);
        assert_eq!(words("what's THE Circuit-Breaker"), ["circuit", "breaker"]);
        assert_eq!(words("How do I do that?"), [""; 0]);
        assert_eq!(words("?! ():"), [""; 0]);
    }

    #[test]
    fn words_count_once_as_stems_without_accents_and_not_without_end() {
        assert_eq!(
            words("restarts restarting Restarted cafés"),
            ["restart", "cafe"]
        );
        let long: Vec<String> = (0..500).map(|i| format!("w{i}")).collect();
        assert_eq!(words(&long.join(" ")).len(), MOST_WORDS);
    }

    #[test]
    fn a_definition_comes_before_mentions() {
        let text = "# Notes\n\n## One\nThe circuit breaker opened; a circuit breaker, the circuit breaker.\n\n\
                    ## Two\nA *circuit breaker* is a switch that protects whoever is behind it from a load \
                    that would be too much for them.\n\n## Three\nCircuit. Breaker. Circuit breaker!";
        let first = &found(text, "what is a circuit breaker?")[0];
        assert!(first.starts_with("A *circuit"), "{first}");
    }

    #[test]
    fn a_heading_counts_more_than_the_text() {
        let text = "# Load\nSpread evenly.\n\n# Other\nSpread the load evenly.";
        assert_eq!(found(text, "load")[0], "Spread evenly.");
    }

    #[test]
    fn passages_with_all_words_come_first() {
        let text = "# One\nheron heron heron heron\n\n# Two\nThe crane stood among many other birds \
                    where the heron stands on most days\n\n# Three\ncrane crane crane";
        assert!(found(text, "heron crane")[0].starts_with("The crane"));
        assert_eq!(found(text, "heron crane").len(), 3);
    }

    #[test]
    fn a_passage_with_few_of_many_words_is_not_an_answer() {
        let text = "# One\nThe weather is an example.";
        assert_eq!(found(text, "weather tomorrow").len(), 1);
        assert_eq!(found(text, "weather tomorrow Berlin umbrella"), [""; 0]);
    }

    #[test]
    fn query_syntax_is_harmless() {
        let text = "# One\nThe heron AND the crane.";
        for question in [
            "heron AND",
            "AND heron",
            "NOT heron",
            "-heron",
            "+heron",
            "text:heron",
            "path:\"a.md\" heron",
            "\"heron",
            "(heron",
            "heron)",
            "[heron TO",
            "heron^99",
            "heron~2",
            "heron*",
            "*:* heron",
            "/heron/",
            "\\heron\\",
            "heron && || !",
            "{heron}",
        ] {
            assert_eq!(found(text, question).len(), 1, "{question}");
        }
        assert_eq!(found(text, "*:*"), [""; 0]);
    }
}
