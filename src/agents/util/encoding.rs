//! Base64 in both directions: "base64 encode hello", "decode this base64: aGVsbG8=".
//!
//! Decoding is tolerant: the URL-safe alphabet, missing padding and line breaks are welcome.
//! Bytes that are not text are shown in hexadecimal, and said to be so.

use base64::Engine;
use base64::alphabet::STANDARD as ALPHABET;
use base64::engine::general_purpose::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::question::{
    Answer, Question, around_phrase, before_phrase, is_made_of, payload, skip_one, without_openings,
};
use crate::words::{AgentError, Reply, hex};

const TOLERANT: GeneralPurpose = GeneralPurpose::new(
    &ALPHABET,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

const OPENINGS: &[&str] = &[
    "what is", "what's", "the", "a", "get", "make", "compute", "create",
];

const FILLERS: &[&str] = &[
    "this",
    "the",
    "following",
    "a",
    "from",
    "in",
    "to",
    "as",
    "with",
    "using",
    "into",
    "of",
    "text",
    "string",
    "it",
];

const NOUNS: &[&str] = &["encoded", "string", "text", "value", "data", "encoding"];

#[derive(Clone, Copy, PartialEq, Debug)]
enum Direction {
    Encode,
    Decode,
}

/// Answers questions whose instruction names base64 and a direction.
pub(super) fn try_answer(question: &Question<'_>) -> Answer {
    let text = without_openings(question.text, OPENINGS);
    let (direction, given) = ["base64", "base-64", "base 64"]
        .iter()
        .find_map(|name| around_phrase(text, name))
        .and_then(|(head, tail)| instruction(head, tail))?;
    Some(match (direction, given) {
        (_, "") => Err(AgentError::user(
            "There is no text to encode or decode. Ask for example `base64 encode hello`.",
        )),
        (Direction::Encode, given) => Ok(encoded(given)),
        (Direction::Decode, given) => decoded(given),
    })
}

/// What to do to which text, where `head` and `tail` stand around the word "base64".
fn instruction<'t>(head: &'t str, tail: &'t str) -> Option<(Direction, &'t str)> {
    if head.is_empty() {
        let tail = tail.trim_start_matches(['-', ' ']);
        let (direction, rest) = direction(tail).or_else(|| {
            let rest = super::question::after_phrase(tail, "of")?;
            Some((Direction::Encode, rest))
        })?;
        return Some((direction, payload(rest)));
    }
    let (direction, object) = direction(head)?;
    if is_made_of(object, FILLERS) {
        return Some((direction, payload(skip_one(tail, NOUNS))));
    }
    let object = ["in", "to", "as", "from", "with", "using", "into"]
        .iter()
        .find_map(|word| before_phrase(object, word))?;
    Some((direction, payload(object)))
}

/// The direction that the text begins with, and what follows.
fn direction(text: &str) -> Option<(Direction, &str)> {
    const VERBS: &[(&str, Direction)] = &[
        ("encode", Direction::Encode),
        ("encoding", Direction::Encode),
        ("convert", Direction::Encode),
        ("turn", Direction::Encode),
        ("decode", Direction::Decode),
        ("decoding", Direction::Decode),
    ];
    VERBS.iter().find_map(|(verb, direction)| {
        Some((*direction, super::question::after_phrase(text, verb)?))
    })
}

fn encoded(text: &str) -> Reply {
    reply("encode", text, STANDARD.encode(text))
}

fn decoded(text: &str) -> Result<Reply, AgentError> {
    let plain: String = text
        .trim_end_matches(['?', '.', '!'])
        .chars()
        .filter(|c| !c.is_whitespace())
        .map(|c| match c {
            '-' => '+',
            '_' => '/',
            other => other,
        })
        .collect();
    let bytes = TOLERANT.decode(plain).map_err(|error| {
        AgentError::user(format!(
            "This is not base64: {error}. Base64 is made of letters, digits, `+` and `/`, for example `aGVsbG8=`."
        ))
    })?;
    Ok(match String::from_utf8(bytes) {
        Ok(decoded) => reply("decode", text, decoded),
        Err(error) => binary(text, error.as_bytes()),
    })
}

fn binary(text: &str, bytes: &[u8]) -> Reply {
    let hex = hex(bytes);
    let content = format!(
        "{hex} (these {} bytes are not text, so they are shown in hexadecimal)",
        bytes.len()
    );
    let mut reply = reply("decode", text, hex).with("value_is", "hexadecimal");
    reply.content = content;
    reply
}

fn reply(operation: &str, text: &str, value: String) -> Reply {
    Reply::text(value.as_str())
        .with("skill", "base64")
        .with("operation", operation)
        .with("text", text)
        .with("value", value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Zoned;

    fn answer(text: &str) -> Answer {
        try_answer(&Question::new(text, Zoned::default()))
    }

    fn content(text: &str) -> String {
        answer(text).unwrap().unwrap().content
    }

    #[test]
    fn text_is_encoded() {
        for question in [
            "base64 encode hello",
            "Please base64-encode \"hello\"",
            "encode hello in base64",
            "encode this as base64: hello",
            "convert hello to Base64",
            "what is the base64 encoding of hello",
        ] {
            assert_eq!(content(question), "aGVsbG8=", "{question}");
        }
    }

    #[test]
    fn base64_is_decoded_whatever_its_alphabet_and_padding() {
        for question in [
            "decode this base64: aGVsbG8=",
            "base64 decode aGVsbG8",
            "decode aGVsbG8= from base64?",
            "decode the base64 string aGVs\nbG8=",
        ] {
            assert_eq!(content(question), "hello", "{question}");
        }
        assert_eq!(content("base64 decode aGVsbG8gd29ybGQ="), "hello world");
        assert_eq!(content("base64 decode Pz8_Pz4-"), "????>>");
    }

    #[test]
    fn bytes_that_are_no_text_are_shown_in_hexadecimal() {
        let reply = answer("base64 decode /wAB").unwrap().unwrap();
        assert!(
            reply
                .content
                .starts_with("ff0001 (these 3 bytes are not text")
        );
        assert_eq!(reply.data["value_is"], "hexadecimal");
    }

    #[test]
    fn what_is_not_base64_is_the_users_mistake() {
        let error = answer("decode this base64: h*llo").unwrap().unwrap_err();
        assert!(error.message().starts_with("This is not base64"));
        assert!(answer("base64 encode").unwrap().is_err());
        assert!(answer("who invented base64").is_none());
    }
}
