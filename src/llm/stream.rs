//! Answers that come piece by piece, as Server-Sent Events.
//!
//! They are asked for even though only the whole is of use: a server notices that nobody waits any more
//! when it cannot send the next piece, and not before.

use serde::Deserialize;

use super::Said;
use super::wire::LogProbs;

/// What has come so far.
#[derive(Debug, Default)]
pub(super) struct Stream {
    /// The beginning of a line whose end has not come yet.
    rest: Vec<u8>,
    said: Said,
    has_ended: bool,
}

#[derive(Deserialize)]
struct Piece {
    #[serde(default)]
    choices: Vec<Choice>,
    #[serde(default)]
    error: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct Choice {
    #[serde(default)]
    delta: Delta,
    #[serde(default)]
    logprobs: Option<LogProbs>,
    #[serde(default)]
    finish_reason: Option<String>,
}

#[derive(Default, Deserialize)]
struct Delta {
    #[serde(default)]
    content: Option<String>,
}

impl Stream {
    /// Takes what came; otherwise says what is wrong with it.
    pub fn take(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.rest.extend_from_slice(bytes);
        while let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.rest.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line);
            if let Some(data) = line.strip_prefix("data:") {
                self.take_data(data.trim())?;
            }
        }
        Ok(())
    }

    fn take_data(&mut self, data: &str) -> Result<(), String> {
        if data == "[DONE]" {
            self.has_ended = true;
            return Ok(());
        }
        let piece: Piece = serde_json::from_str(data).map_err(|error| error.to_string())?;
        if let Some(error) = piece.error {
            return Err(error.to_string());
        }
        for choice in piece.choices {
            self.said
                .content
                .push_str(&choice.delta.content.unwrap_or_default());
            self.said
                .tokens
                .extend(choice.logprobs.into_iter().flat_map(LogProbs::tokens));
            self.has_ended |= choice.finish_reason.is_some();
        }
        Ok(())
    }

    /// All that was said; `None` when it broke off, or nothing was.
    pub fn end(self) -> Option<Said> {
        let has_words = !self.said.content.trim().is_empty();
        (self.has_ended && has_words).then_some(self.said)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOLD: &str = "data: {\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":null}}]}\n\n\
        : a remark\n\
        data: {\"choices\":[{\"delta\":{\"content\":\"grü\"},\"logprobs\":{\"content\":[{\"token\":\"grü\",\"logprob\":-0.5}]}}]}\r\n\r\n\
        data: {\"choices\":[{\"delta\":{\"content\":\"n\"},\"finish_reason\":\"stop\"}]}\n\n\
        data: {\"choices\":[],\"usage\":{}}\n\ndata: [DONE]\n\n";

    #[test]
    fn pieces_make_a_whole_wherever_they_are_cut() {
        for size in 1..TOLD.len() {
            let mut stream = Stream::default();
            for bytes in TOLD.as_bytes().chunks(size) {
                stream.take(bytes).unwrap();
            }
            let said = stream.end().unwrap();
            assert_eq!(said.content, "grün");
            assert_eq!(said.tokens, [("grü".to_owned(), -0.5)]);
        }
    }

    #[test]
    fn what_breaks_off_is_no_answer() {
        let mut stream = Stream::default();
        stream
            .take(&TOLD.as_bytes()[..TOLD.find("grü").unwrap()])
            .unwrap();
        assert_eq!(stream.end(), None);
        assert!(
            Stream::default()
                .take(b"data: {\"error\": \"no\"}\n")
                .is_err()
        );
        assert!(Stream::default().take(b"data: nonsense\n").is_err());
    }
}
