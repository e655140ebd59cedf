//! Hashes of a text: "sha256 of hello", "hash this text with md5: hello world".
//!
//! The name of the hash has to be part of the instruction. The text is hashed as it stands: the
//! hash of `12*3` is that of four characters, not that of 36.

use md5::Md5;
use sha2::digest::Digest;
use sha2::{Sha224, Sha256, Sha384, Sha512};

use super::question::{
    Answer, Question, after_phrase, around_phrase, before_phrase, is_made_of, payload, skip_one,
    without_openings,
};
use crate::words::{AgentError, Reply, hex};

type Hash = fn(&str) -> String;

const ALGORITHMS: &[(&str, Hash, &[&str])] = &[
    ("md5", digest::<Md5>, &["md5", "md-5", "md5sum"]),
    (
        "sha224",
        digest::<Sha224>,
        &["sha224", "sha-224", "sha 224"],
    ),
    (
        "sha256",
        digest::<Sha256>,
        &["sha256", "sha-256", "sha 256", "sha256sum", "sha2"],
    ),
    (
        "sha384",
        digest::<Sha384>,
        &["sha384", "sha-384", "sha 384"],
    ),
    (
        "sha512",
        digest::<Sha512>,
        &["sha512", "sha-512", "sha 512"],
    ),
];

const UNKNOWN: &[&str] = &[
    "sha1", "sha-1", "sha 1", "sha3", "sha-3", "crc32", "blake2", "blake3",
];

const OPENINGS: &[&str] = &[
    "what is",
    "what's",
    "calculate",
    "compute",
    "generate",
    "create",
    "make",
    "get",
    "find",
    "return",
    "the",
    "a",
    "an",
];

const VERBS: &[&str] = &["hash", "digest", "encode", "encrypt", "convert"];

const FILLERS: &[&str] = &[
    "hash",
    "digest",
    "checksum",
    "encode",
    "encrypt",
    "convert",
    "this",
    "the",
    "following",
    "text",
    "string",
    "word",
    "phrase",
    "message",
    "a",
    "an",
    "with",
    "using",
    "by",
    "in",
    "as",
    "to",
    "into",
    "of",
];

/// Answers questions that name a hash in their instruction.
pub(super) fn try_answer(question: &Question<'_>) -> Answer {
    let text = without_openings(question.text, OPENINGS);
    for (name, hash, spellings) in ALGORITHMS {
        let hashed = spellings
            .iter()
            .find_map(|spelling| hashed_text(text, spelling));
        if let Some(hashed) = hashed {
            return Some(reply(name, *hash, hashed));
        }
    }
    if let Some(name) = UNKNOWN
        .iter()
        .find(|name| hashed_text(text, name).is_some())
    {
        return Some(Err(which(&format!("I cannot compute {name}."))));
    }
    after_phrase(text, "hash").map(|_| Err(which("I do not see which hash you want.")))
}

fn which(problem: &str) -> AgentError {
    AgentError::user(format!(
        "{problem} Ask for md5, sha224, sha256, sha384 or sha512, for example `sha256 of hello`."
    ))
}

/// The text to hash, if the instruction names the hash; empty when it names nothing else.
fn hashed_text<'t>(text: &'t str, spelling: &str) -> Option<&'t str> {
    let (head, tail) = around_phrase(text, spelling)?;
    if is_made_of(head, FILLERS) {
        let called = tail.trim_end_matches('?').strip_prefix('(');
        if let Some(argument) = called.and_then(|rest| rest.strip_suffix(')')) {
            return Some(payload(argument));
        }
        let tail = skip_one(tail, &["hash", "sum", "checksum", "digest", "algorithm"]);
        return Some(payload(tail));
    }
    let tail = skip_one(tail, &["hash", "checksum", "digest", "algorithm"]);
    if !tail.trim_matches(['?', '.', '!']).is_empty() {
        return None;
    }
    let object = VERBS.iter().find_map(|verb| after_phrase(head, verb))?;
    let object = before_phrase(object, "the").unwrap_or(object);
    let object = ["with", "using", "by", "in", "as", "to", "into"]
        .iter()
        .find_map(|word| before_phrase(object, word))?;
    Some(payload(object))
}

fn reply(name: &str, hash: Hash, text: &str) -> Result<Reply, AgentError> {
    if text.is_empty() {
        return Err(AgentError::user(format!(
            "There is no text to hash. Ask for example `{name} of hello`."
        )));
    }
    let value = hash(text);
    Ok(Reply::text(value.as_str())
        .with("skill", "hash")
        .with("algorithm", name)
        .with("text", text)
        .with("value", value))
}

fn digest<D: Digest>(text: &str) -> String {
    hex(&D::digest(text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Zoned;

    const SHA256_HELLO: &str = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
    const MD5_HELLO_WORLD: &str = "5eb63bbbe01eeed093cb22bb8f5acdc3";

    fn answer(text: &str) -> Answer {
        try_answer(&Question::new(text, Zoned::default()))
    }

    fn content(text: &str) -> String {
        answer(text).unwrap().unwrap().content
    }

    #[test]
    fn a_hash_of_a_text_is_told_in_many_ways() {
        for question in [
            "sha256 of hello",
            "What is the SHA-256 hash of \"hello\"?",
            "please compute sha256 hello",
            "hash hello with sha256",
            "hash this with sha-256: hello",
            "sha256: hello",
            "what is sha256(\"hello\")?",
            "sha256sum of hello",
            "convert hello to sha256",
        ] {
            assert_eq!(content(question), SHA256_HELLO, "{question}");
        }
        for question in [
            "hash this text with md5: hello world",
            "md5 checksum for 'hello world'",
            "Generate an MD5 hash of the text hello world",
            "hash \"hello world\" using the md5 algorithm",
        ] {
            assert_eq!(content(question), MD5_HELLO_WORLD, "{question}");
        }
    }

    #[test]
    fn the_text_is_hashed_and_not_calculated() {
        let reply = answer("sha256 of 12*3").unwrap().unwrap();
        assert_eq!(reply.data["text"], "12*3");
    }

    #[test]
    fn a_hash_named_by_the_text_alone_is_no_instruction() {
        assert!(answer("base64 encode md5 of x").is_none());
        assert!(answer("who invented sha256 and why").is_none());
    }

    #[test]
    fn missing_texts_and_unknown_hashes_are_explained() {
        assert!(answer("sha512 of").unwrap().is_err());
        let error = answer("sha1 of hello").unwrap().unwrap_err();
        assert!(error.message().contains("sha256"));
    }
}
