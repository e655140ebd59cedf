//! JSON laid out for people, or packed for machines: "format this JSON: {...}", "minify {...}".
//!
//! Only the white space changes: the text is checked by `serde_json`, but not rebuilt from what
//! was parsed, because that would sort members, merge repeated ones and round long numbers.
//! Formatted text that grows beyond 256 KiB is refused; deep nesting makes for wide margins.

use serde::de::IgnoredAny;

use super::question::{Answer, Question, after_phrase, has_word, unquoted, without_openings};
use crate::words::{AgentError, Reply};

const MAX_FORMATTED: usize = 256 * 1024;

const PRETTY: &[&str] = &[
    "format",
    "reformat",
    "pretty print",
    "pretty-print",
    "prettyprint",
    "prettify",
    "beautify",
    "indent",
    "validate",
    "check",
    "is this",
];

const COMPACT: &[&str] = &[
    "minify", "minimize", "minimise", "compact", "compress", "unformat",
];

/// Answers questions that begin with what to do to JSON.
pub(super) fn try_answer(question: &Question<'_>) -> Answer {
    let begins_with = |verbs: &[&str]| verbs.iter().find_map(|v| after_phrase(question.text, v));
    let (style, rest) = begins_with(PRETTY)
        .map(|rest| (Style::Pretty, rest))
        .or_else(|| Some((Style::Compact, begins_with(COMPACT)?)))?;
    let instruction = rest.find(['{', '[', ':']).map_or(rest, |end| &rest[..end]);
    let begins_at_once = rest.starts_with(['{', '[']);
    (begins_at_once || has_word(instruction, "json")).then(|| answer(style, json_in(rest)))
}

/// The JSON after the rest of the instruction.
fn json_in(rest: &str) -> &str {
    let named = without_openings(
        rest,
        &["this", "the", "following", "my", "json", "is", "valid"],
    );
    let start = named.find(['{', '[', ':']).unwrap_or(0);
    let given = named[start..].trim_start_matches([':', ' ', '\n', '\r', '\t', '`']);
    let given = after_phrase(given, "json").unwrap_or(given);
    unquoted_json(given.trim().trim_end_matches('`').trim_end())
}

fn unquoted_json(text: &str) -> &str {
    let inner = unquoted(text);
    if inner.starts_with(['{', '[']) {
        inner
    } else {
        text
    }
}

fn answer(style: Style, json: &str) -> Result<Reply, AgentError> {
    serde_json::from_str::<IgnoredAny>(json).map_err(|error| invalid(json, &error))?;
    let value = layout(json, style).ok_or_else(|| {
        AgentError::user(
            "This JSON is nested too deeply to be laid out: it would grow beyond 256 KiB.",
        )
    })?;
    let operation = match style {
        Style::Pretty => "format",
        Style::Compact => "minify",
    };
    Ok(Reply::text(value.as_str())
        .with("skill", "json")
        .with("operation", operation)
        .with("value", value))
}

fn invalid(json: &str, error: &serde_json::Error) -> AgentError {
    if json.is_empty() {
        return AgentError::user(
            "There is no JSON in the question. Ask for example `format this JSON: {\"a\": 1}`.",
        );
    }
    let place = format!(" at line {} column {}", error.line(), error.column());
    let said = error.to_string();
    let what = said.strip_suffix(&place).unwrap_or(&said);
    AgentError::user(format!(
        "This is not valid JSON: {what} at line {}, column {} of it. Correct that place and ask again.",
        error.line(),
        error.column()
    ))
}

#[derive(Clone, Copy, PartialEq)]
enum Style {
    Pretty,
    Compact,
}

/// Valid JSON with other white space; `None` when it grows too long.
fn layout(json: &str, style: Style) -> Option<String> {
    let mut writer = Writer {
        out: String::with_capacity(json.len() * 2),
        depth: 0,
        style,
    };
    let mut rest = json.trim();
    while let Some(first) = rest.chars().next() {
        let (token, tail) = rest.split_at(token_length(rest, first));
        rest = tail.trim_start();
        writer.write(token, rest);
        if writer.out.len() > MAX_FORMATTED {
            return None;
        }
    }
    Some(writer.out)
}

fn token_length(text: &str, first: char) -> usize {
    match first {
        '"' => string_length(text),
        '{' | '}' | '[' | ']' | ',' | ':' => 1,
        _ => text
            .find(|c: char| "{}[],:\"".contains(c) || c.is_whitespace())
            .unwrap_or(text.len()),
    }
}

fn string_length(text: &str) -> usize {
    let mut escaped = false;
    let end = text.bytes().skip(1).position(|byte| {
        let closes = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        closes
    });
    end.map_or(text.len(), |end| end + 2)
}

struct Writer {
    out: String,
    depth: usize,
    style: Style,
}

impl Writer {
    fn write(&mut self, token: &str, following: &str) {
        let is_empty = following.starts_with(['}', ']']);
        match token {
            "{" | "[" => {
                self.depth += 1;
                self.out.push_str(token);
                if !is_empty {
                    self.new_line();
                }
            }
            "}" | "]" => {
                self.depth = self.depth.saturating_sub(1);
                if !self.out.ends_with(['{', '[']) {
                    self.new_line();
                }
                self.out.push_str(token);
            }
            "," => {
                self.out.push(',');
                self.new_line();
            }
            ":" => self.out.push_str(if self.style == Style::Pretty {
                ": "
            } else {
                ":"
            }),
            scalar => self.out.push_str(scalar),
        }
    }

    fn new_line(&mut self) {
        if self.style == Style::Pretty {
            self.out.push('\n');
            self.out.extend(std::iter::repeat_n("  ", self.depth));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Zoned;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn ask(text: &str) -> Answer {
        try_answer(&Question::new(text, Zoned::default()))
    }

    fn content(text: &str) -> String {
        ask(text).unwrap().unwrap().content
    }

    #[test]
    fn json_is_laid_out_without_changing_anything_but_white_space() {
        let wanted = "{\n  \"b\": [\n    1.00,\n    {}\n  ],\n  \"a\": \"x: {\\\"}\"\n}";
        for question in [
            r#"format this JSON: {"b":[1.00,{ }],"a":"x: {\"}"}"#,
            r#"Please pretty print {"b":[1.00,{}],"a":"x: {\"}"}"#,
            "prettify the json\n```json\n{\"b\":[1.00,{}],\"a\":\"x: {\\\"}\"}\n```",
        ] {
            assert_eq!(content(question), wanted, "{question}");
        }
    }

    #[test]
    fn json_is_packed() {
        assert_eq!(
            content("minify { \"a\" : [ 1, \"b c\" ] }"),
            r#"{"a":[1,"b c"]}"#
        );
        assert_eq!(content("minify this JSON: \"x\""), "\"x\"");
    }

    #[test]
    fn a_mistake_in_json_is_named_with_its_place() {
        let error = ask("format this JSON: {\"a\": 1,\n \"b\": }")
            .unwrap()
            .unwrap_err();
        assert!(error.message().contains("line 2, column 7"), "{error}");
        assert!(ask("format this json").unwrap().is_err());
    }

    #[test]
    fn other_things_to_format_are_not_json() {
        assert!(ask("format my hard disk").is_none());
        assert!(ask("check the weather in Paris").is_none());
    }

    #[test]
    fn json_that_would_grow_without_measure_is_refused() {
        let deep = format!(
            "format {}1{}{}",
            "[".repeat(100),
            ",1".repeat(9000),
            "]".repeat(100)
        );
        assert!(
            ask(&deep)
                .unwrap()
                .unwrap_err()
                .message()
                .contains("256 KiB")
        );
    }

    proptest! {
        #[test]
        fn what_was_laid_out_means_the_same(text in "\\PC{0,40}", number: i64) {
            let value = json!({"text": [text, {}, []], "number": number, "n": null});
            for verb in ["format", "minify"] {
                let laid_out = content(&format!("{verb} {value}"));
                prop_assert_eq!(&serde_json::from_str::<Value>(&laid_out).unwrap(), &value);
            }
        }
    }
}
