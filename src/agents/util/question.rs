//! The question as the skills read it: without the courtesies around it, and with helpers that
//! look at words instead of bytes, so that no skill has to cut text by hand.
//!
//! Everything here compares ASCII letters whatever their case, respects the boundaries of words
//! and characters, and borrows from the text it is given.

use jiff::Zoned;

use crate::words::{AgentError, Reply};

/// What a skill makes of a question: `None` when the question is not for it.
pub(super) type Answer = Option<Result<Reply, AgentError>>;

/// A question, and the moment at which it is asked.
pub(super) struct Question<'t> {
    /// What is asked, without "hello", "could you please" and "thanks".
    pub(super) text: &'t str,
    /// Now, in the time zone of whoever asks.
    pub(super) now: Zoned,
}

impl<'t> Question<'t> {
    pub(super) fn new(text: &'t str, now: Zoned) -> Self {
        let text = without_closings(without_openings(text, COURTESIES));
        Self { text, now }
    }
}

const COURTESIES: &[&str] = &[
    "hi",
    "hello",
    "hey",
    "please",
    "can you",
    "could you",
    "would you",
    "will you",
    "kindly",
    "tell me",
    "show me",
    "give me",
    "let me know",
    "do you know",
    "i need to know",
    "i want to know",
    "i would like to know",
    "i'd like to know",
    "i need",
    "i want",
    "i would like",
    "i'd like",
];

const CLOSINGS: &[&str] = &["please", "thanks", "thank you"];

/// The text without any of these phrases at its beginning, however many there are. A phrase that
/// is the whole text stays.
pub(super) fn without_openings<'t>(text: &'t str, openings: &[&str]) -> &'t str {
    let mut rest = text.trim();
    while let Some(shorter) = openings
        .iter()
        .find_map(|opening| after_phrase(rest, opening))
        .map(|shorter| shorter.trim_start_matches([' ', ',', '!', '\t', '\n', '\r']))
        .filter(|shorter| !shorter.is_empty())
    {
        rest = shorter;
    }
    rest
}

fn without_closings(text: &str) -> &str {
    let mut rest = text.trim_end();
    while let Some(shorter) = CLOSINGS.iter().find_map(|closing| {
        before_phrase(rest.trim_end_matches(['!', '.', ' ']), closing)
            .map(|shorter| shorter.trim_end_matches([' ', ',', '\n', '\r', '\t']))
            .filter(|shorter| !shorter.is_empty())
    }) {
        rest = shorter;
    }
    rest
}

/// What follows the phrase, if the text begins with it and a word ends there.
pub(super) fn after_phrase<'t>(text: &'t str, phrase: &str) -> Option<&'t str> {
    let head = text.get(..phrase.len())?;
    let tail = text.get(phrase.len()..)?;
    let is_whole = !tail.starts_with(char::is_alphanumeric);
    (is_whole && head.eq_ignore_ascii_case(phrase)).then(|| tail.trim_start())
}

/// What precedes the phrase, if the text ends with it and a word begins there.
pub(super) fn before_phrase<'t>(text: &'t str, phrase: &str) -> Option<&'t str> {
    let start = text.len().checked_sub(phrase.len())?;
    let (head, tail) = text.split_at_checked(start)?;
    let is_whole = !head.ends_with(char::is_alphanumeric);
    (is_whole && tail.eq_ignore_ascii_case(phrase)).then(|| head.trim_end())
}

/// The text before and after the first place where the phrase stands as words of its own.
pub(super) fn around_phrase<'t>(text: &'t str, phrase: &str) -> Option<(&'t str, &'t str)> {
    // Lowering ASCII letters keeps every position.
    let lowered = text.to_ascii_lowercase();
    lowered.match_indices(phrase).find_map(|(start, _)| {
        let (head, rest) = text.split_at_checked(start)?;
        let tail = rest.get(phrase.len()..)?;
        let is_whole =
            !head.ends_with(char::is_alphanumeric) && !tail.starts_with(char::is_alphanumeric);
        is_whole.then(|| (head.trim_end(), tail.trim_start()))
    })
}

/// What follows the first of these phrases that the text begins with; the text where none does.
pub(super) fn skip_one<'t>(text: &'t str, phrases: &[&str]) -> &'t str {
    phrases
        .iter()
        .find_map(|phrase| after_phrase(text, phrase))
        .unwrap_or(text)
}

/// Whether the text is made of these words alone; empty text is.
pub(super) fn is_made_of(text: &str, words: &[&str]) -> bool {
    words_of(text).all(|word| words.iter().any(|known| word.eq_ignore_ascii_case(known)))
}

/// Whether the word is somewhere in the text.
pub(super) fn has_word(text: &str, wanted: &str) -> bool {
    words_of(text).any(|word| word.eq_ignore_ascii_case(wanted))
}

/// The runs of letters, digits and apostrophes.
pub(super) fn words_of(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_alphanumeric() || c == '\''))
        .filter(|word| !word.is_empty())
}

const NOUNS: &[&str] = &[
    "the following text",
    "the following string",
    "the following",
    "this text",
    "this string",
    "the text",
    "the string",
    "the word",
    "the phrase",
    "the message",
    "text",
    "string",
];

/// The text that a question is about, without what introduces it ("of the text:") and without
/// the quotes around it. Empty when nothing was given.
pub(super) fn payload(text: &str) -> &str {
    let mut rest = text.trim_start();
    if !rest.starts_with(':') {
        rest = skip_one(rest, &["of", "for", "from"]);
        let named = skip_one(rest, NOUNS);
        rest = if named.is_empty() { rest } else { named };
    }
    unquoted(rest.strip_prefix(':').unwrap_or(rest).trim())
}

/// The text without the pair of quotes, backticks or code fences around it.
pub(super) fn unquoted(text: &str) -> &str {
    const PAIRS: [(&str, &str); 6] = [
        ("```", "```"),
        ("\"", "\""),
        ("'", "'"),
        ("`", "`"),
        ("\u{201c}", "\u{201d}"),
        ("\u{2018}", "\u{2019}"),
    ];
    let bare = text.trim_end_matches(['?', '.']);
    let within = |(open, close)| bare.strip_prefix(open)?.strip_suffix(close);
    PAIRS.into_iter().find_map(within).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(question: &str) -> &str {
        Question::new(question, Zoned::default()).text
    }

    #[test]
    fn courtesies_are_not_part_of_the_question() {
        assert_eq!(
            text("Hello, could you please tell me 1 + 1, please!"),
            "1 + 1"
        );
        assert_eq!(text("  hi  "), "hi");
        assert_eq!(text("history"), "history");
    }

    #[test]
    fn phrases_are_found_as_whole_words_only() {
        assert_eq!(
            around_phrase("the date to beat", "to"),
            Some(("the date", "beat"))
        );
        assert_eq!(around_phrase("tomato", "to"), None);
        assert_eq!(after_phrase("Until May", "until"), Some("May"));
        assert_eq!(before_phrase("São", "ão"), None);
    }

    #[test]
    fn a_payload_is_taken_as_it_stands() {
        assert_eq!(payload("of the text: \"a b\""), "a b");
        assert_eq!(payload(": of the"), "of the");
        assert_eq!(payload("'x'?"), "x");
        assert_eq!(payload("of the text"), "the text");
    }
}
