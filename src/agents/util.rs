//! The utility agent: calculations, dates and times, hashes, UUIDs, base64 and JSON.
//!
//! It needs nothing but the question, the clock and the system's randomness, so it can always
//! answer. Its skills are asked one after the other, and the first that recognizes the question
//! answers it. Those that carry a text come first, because that text may look like anything:
//! "sha256 of 12*3" is a hash. Those that go by their own vocabulary follow, and calculation is
//! last, because any words with a number could be meant as one.

mod calculation;
mod calculator;
mod calendar;
mod clock;
mod dates;
mod encoding;
mod hashes;
mod json;
mod question;
mod random;
mod wording;
mod zones;

use jiff::Zoned;
use jiff::tz::TimeZone;

use self::question::{Answer, Question};
use crate::words::{Agent, AgentContext, AgentError, Reply, Task};

/// Everything that can be answered at once, in the order of asking.
const SKILLS: [fn(&Question<'_>) -> Answer; 6] = [
    hashes::try_answer,
    encoding::try_answer,
    json::try_answer,
    random::try_answer,
    clock::try_answer,
    calendar::try_answer,
];

/// Answers what can be worked out from the question alone.
///
/// Times and dates are those of the zone named by `timezone` in the task's user context (or in
/// its context), such as `Europe/Berlin`; else of UTC. [`Reply::data`] names the `skill` that
/// answered, and holds its result as `value` or `values`.
///
/// ```
/// use std::time::{Duration, Instant};
/// use agent_orchestrator::agents::util::UtilAgent;
/// use agent_orchestrator::{Agent, AgentContext, RequestId, Task};
///
/// let cx = AgentContext::new("util_agent", RequestId::new(), Instant::now() + Duration::from_secs(3));
/// let asked = UtilAgent.handle(Task::new("What is 17% of 2340?"), &cx);
/// assert_eq!(futures::executor::block_on(asked).unwrap().content, "397.8");
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct UtilAgent;

impl Agent for UtilAgent {
    async fn handle(&self, task: Task, _cx: &AgentContext) -> Result<Reply, AgentError> {
        let now = Zoned::now().with_time_zone(zone_of(&task));
        answer(&Question::new(&task.content, now)).await
    }
}

async fn answer(question: &Question<'_>) -> Result<Reply, AgentError> {
    if let Some(answer) = SKILLS.iter().find_map(|try_answer| try_answer(question)) {
        return answer;
    }
    calculation::try_answer(question)
        .await
        .unwrap_or_else(|| Err(not_recognized()))
}

fn zone_of(task: &Task) -> TimeZone {
    [&task.user_context, &task.context]
        .iter()
        .find_map(|context| zones::find(context.get("timezone")?.as_str()?))
        .unwrap_or(TimeZone::UTC)
}

fn not_recognized() -> AgentError {
    AgentError::user(
        "I calculate, convert units, tell dates and times, hash, encode base64, format JSON, and \
         make UUIDs, passwords and random numbers, but I do not see which of these you want. Ask \
         for example `What is 17% of 2340?` or `What time is it in Tokyo?`",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::AgentErrorKind;
    use futures::executor::block_on;
    use proptest::prelude::*;
    use serde_json::json;

    fn ask(text: &str) -> Result<Reply, AgentError> {
        let now = "2025-07-01T12:30[UTC]".parse().unwrap();
        block_on(answer(&Question::new(text, now)))
    }

    fn skill(text: &str) -> String {
        let reply = ask(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        reply.data["skill"].as_str().unwrap().to_owned()
    }

    #[test]
    fn every_question_finds_its_skill() {
        for (question, wanted) in [
            ("What is 17% of 2340?", "calculation"),
            ("convert 5 days to hours", "calculation"),
            ("how many days are in a year", "calculation"),
            ("sha256 of 12*3", "hash"),
            ("base64 encode md5 of x", "base64"),
            ("format this JSON: {\"md5\": \"of 1+1\"}", "json"),
            ("generate a uuid", "uuid"),
            ("create a strong password of 24 characters", "password"),
            (
                "generate a random number between 1 and 100",
                "random number",
            ),
            ("what time is it in New York?", "time"),
            ("convert 15:00 UTC to Europe/Berlin", "time"),
            ("days until Christmas", "date"),
            ("what day of the week is 24 December 2025", "date"),
        ] {
            assert_eq!(skill(question), wanted, "{question}");
        }
    }

    #[test]
    fn other_questions_are_told_what_can_be_asked() {
        for text in [
            "Tell me a joke",
            "world war 2",
            "?",
            "",
            "\u{1f600}",
            "my order 12345 is late",
        ] {
            let error = ask(text).unwrap_err();
            assert_eq!(error.kind(), AgentErrorKind::User);
            assert!(
                error.message().contains("What is 17% of 2340?"),
                "{text}: {error}"
            );
        }
    }

    #[test]
    fn the_zone_of_the_user_is_taken_from_the_context() {
        let mut task = Task::new("what time is it");
        assert_eq!(zone_of(&task), TimeZone::UTC);
        task.user_context
            .insert("timezone".to_owned(), json!("Asia/Tokyo"));
        assert_eq!(zone_of(&task).iana_name(), Some("Asia/Tokyo"));
    }

    #[test]
    fn the_longest_questions_are_answered_or_refused() {
        for part in [
            "(", "1+(", "[", "{\"a\":", "9^", "a ", "\u{e9} ", "please ", "12:", "in ", "a,", "1 ",
        ] {
            let long: String = part.chars().cycle().take(32 * 1024).collect();
            for opening in [
                "",
                "format json ",
                "sha256 of ",
                "what time is it in ",
                "days until ",
                "random number 1",
            ] {
                let _ = ask(&format!("{opening}{long}"));
                let zone = json!({"timezone": long});
                let context = zone.as_object().unwrap().clone();
                zone_of(&Task {
                    user_context: context,
                    ..Task::default()
                });
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn any_text_is_answered_or_refused(text in "(?s).{0,200}") {
            let _ = ask(&text);
        }

        #[test]
        fn any_words_of_the_vocabulary_are_answered_or_refused(
            words in prop::collection::vec(prop::sample::select(VOCABULARY), 0..10)
        ) {
            let _ = ask(&words.join(" "));
        }
    }

    const VOCABULARY: &[&str] = &[
        "what",
        "is",
        "the",
        "time",
        "in",
        "Tokyo",
        "date",
        "days",
        "until",
        "between",
        "and",
        "from",
        "to",
        "2024-02-29",
        "Feb",
        "31",
        "md5",
        "sha256",
        "hash",
        "base64",
        "decode",
        "encode",
        "json",
        "format",
        "{",
        "}",
        "[",
        "\"",
        "\\",
        "generate",
        "uuid",
        "v7",
        "random",
        "number",
        "-",
        "99999999999999999999",
        "password",
        "of",
        "%",
        "+",
        "(",
        ")",
        "^",
        "0",
        "1.5",
        "how many",
        "are",
        "miles",
        "km",
        "convert",
        "15:00",
        "pm",
        "utc+2",
        "roll",
        "d6",
        "weeks",
        "ago",
        "\u{e9}",
        "\u{2019}",
        ":",
        "'",
        "!",
        "sqrt",
        "off",
        "square root of",
    ];
}
