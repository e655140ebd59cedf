use std::borrow::Cow;
use std::collections::HashSet;

use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfkc_quick};
use unicode_segmentation::UnicodeSegmentation;

use super::classifier::BySpread;

/// Of a longer text the router reads the beginning and the end, so many bytes of each: what is
/// wanted is said there, and what lies between is mostly what it is wanted of.
const HEAD: usize = 1536;
const TAIL: usize = 512;

/// A text as every stage of the router sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Text<'a> {
    /// As it was written, in one form of Unicode (NFKC), and not too long.
    pub written: Cow<'a, str>,
    /// Its words in lower case, each between single spaces, with a space at either end.
    /// `What is 17% of it?` is ` what is 17 % of it `.
    pub words: String,
}

impl<'a> Text<'a> {
    pub fn new(text: &'a str) -> Self {
        let written = capped(text.trim());
        let written = match is_nfkc_quick(written.chars()) {
            IsNormalized::Yes => written,
            IsNormalized::No | IsNormalized::Maybe => written.nfkc().collect::<String>().into(),
        };
        Self {
            words: normalised(&written),
            written,
        }
    }

    /// Its words, one after the other.
    pub fn each_word(&self) -> impl Iterator<Item = &str> {
        self.words.split_ascii_whitespace()
    }
}

/// A set of words to look texts' words up in.
pub(super) type Words = HashSet<&'static str, BySpread>;

/// The words of a list.
pub(super) fn words_of(list: &'static str) -> Words {
    list.split_ascii_whitespace().collect()
}

fn capped(text: &str) -> Cow<'_, str> {
    if text.len() <= HEAD + TAIL {
        return text.into();
    }
    let head = &text[..text.floor_char_boundary(HEAD)];
    let tail = &text[text.ceil_char_boundary(text.len() - TAIL)..];
    format!("{head}\n{tail}").into()
}

/// Words are those of Unicode (UAX #29), so they are found in every script. Signs that carry
/// meaning, such as `%` or `+`, are words of their own; punctuation is left out.
pub(super) fn normalised(text: &str) -> String {
    let mut words = String::with_capacity(text.len() + text.len() / 4 + 2);
    words.push(' ');
    if text.is_ascii() {
        push_ascii_words(&mut words, text);
    } else {
        push_words(&mut words, text);
    }
    words
}

fn push_words(words: &mut String, text: &str) {
    for word in text.split_word_bounds() {
        if word.chars().all(is_silent) {
            continue;
        }
        for c in word.chars() {
            match c {
                '\u{2019}' => words.push('\''),
                c => words.extend(c.to_lowercase()),
            }
        }
        words.push(' ');
    }
}

/// The same for the texts that are most common, several times as fast.
fn push_ascii_words(words: &mut String, text: &str) {
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(&first) = bytes.get(at) {
        let begin = at;
        at += 1;
        if is_part(first) {
            while let Some(&next) = bytes.get(at) {
                let after = bytes.get(at + 1).copied();
                if !is_part(next) && !joins(bytes[at - 1], next, after) {
                    break;
                }
                at += 1;
            }
        } else if is_silent(char::from(first)) {
            continue;
        }
        let word = &text[begin..at];
        if word.bytes().any(|byte| byte != b'_') {
            let begin = words.len();
            words.push_str(word);
            words[begin..].make_ascii_lowercase();
            words.push(' ');
        }
    }
}

fn is_part(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Whether a sign holds a word together: `e.g`, `don't`, `3.14`, `2,349`.
fn joins(before: u8, sign: u8, after: Option<u8>) -> bool {
    let Some(after) = after else {
        return false;
    };
    match sign {
        b':' => before.is_ascii_alphabetic() && after.is_ascii_alphabetic(),
        b',' | b';' => before.is_ascii_digit() && after.is_ascii_digit(),
        b'.' | b'\'' => {
            (before.is_ascii_alphabetic() && after.is_ascii_alphabetic())
                || (before.is_ascii_digit() && after.is_ascii_digit())
        }
        _ => false,
    }
}

fn is_silent(c: char) -> bool {
    const SIGNS: &str = "%#@&*/\\+=<>^$|~";
    c.is_whitespace()
        || c.is_control()
        || (c.is_ascii_punctuation() && !SIGNS.contains(c))
        || matches!(
            c,
            '\u{2010}'..='\u{2027}' | '¿' | '¡' | '«' | '»' | '、' | '。' | '！' | '？'
        )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn words_stand_between_single_spaces() {
        let cases = [
            ("What is 17% of 2340?", " what is 17 % of 2340 "),
            ("  Hello,\n\tWORLD! ", " hello world "),
            ("don\u{2019}t", " don't "),
            ("3.14 + C++", " 3.14 + c + + "),
            ("Größe ÜBER alles", " größe über alles "),
            ("sub-folder (old) __", " sub folder old "),
            ("", " "),
        ];
        for (text, expected) in cases {
            assert_eq!(normalised(text), expected);
        }
    }

    #[test]
    fn one_form_of_unicode_stands_for_all() {
        let plain = Text::new("file ½ Å");
        let fancy = Text::new("ﬁle \u{00bd} A\u{030a}");
        assert_eq!(plain.words, fancy.words);
    }

    #[test]
    fn of_a_long_text_the_beginning_and_the_end_are_read() {
        let long = format!("begin {} end", "ü ".repeat(5000));
        let text = Text::new(&long);
        assert!(text.written.len() <= HEAD + TAIL + 1);
        assert!(text.words.starts_with(" begin ü ") && text.words.ends_with(" ü end "));
    }

    proptest! {
        #[test]
        fn the_fast_way_finds_the_same_words(text in "[ -~\n\t]{0,60}|[ab1_.,':;%+ -]{0,20}") {
            let (mut fast, mut slow) = (String::new(), String::new());
            push_ascii_words(&mut fast, &text);
            push_words(&mut slow, &text);
            prop_assert_eq!(fast, slow);
        }
    }
}
