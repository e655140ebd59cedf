//! What must not be foreseen: UUIDs, passwords, random numbers, dice and coins.
//!
//! All of it comes from the operating system's source of randomness, and every outcome is equally
//! likely. Passwords leave out the characters that people confuse (`0O1lI`).

use uuid::Uuid;

use super::question::{Answer, Question, has_word, is_made_of, words_of};
use crate::words::{AgentError, Reply};

const MAX_UUIDS: u64 = 100;
const DEFAULT_PASSWORD: u64 = 20;
const PASSWORD_LENGTHS: std::ops::RangeInclusive<u64> = 8..=128;

const CLASSES: [&str; 4] = [
    "abcdefghijkmnopqrstuvwxyz",
    "ABCDEFGHJKLMNPQRSTUVWXYZ",
    "23456789",
    "!#$%&*+-=?@_",
];

const VERBS: &[&str] = &[
    "generate", "create", "make", "new", "random", "give", "get", "pick", "choose", "suggest",
    "produce", "need", "strong", "secure",
];

/// Answers questions that ask for something to be made up.
pub(super) fn try_answer(question: &Question<'_>) -> Answer {
    let text = question.text;
    let is_wanted = VERBS.iter().any(|verb| has_word(text, verb));
    let names = |nouns: &[&str]| nouns.iter().any(|noun| has_word(text, noun));
    if names(&["uuid", "uuids", "guid", "guids"]) && (is_wanted || is_short_uuid(text)) {
        return Some(uuids(text));
    }
    let is_password_alone = is_made_of(text, &["a", "password"]);
    if names(&["password", "passwords"]) && (is_wanted || is_password_alone) {
        return Some(password(text));
    }
    let is_drawn = ["random", "pick", "choose"]
        .iter()
        .any(|verb| has_word(text, verb));
    let is_number = names(&["number", "integer"]) && is_drawn;
    if is_number {
        return Some(number(text));
    }
    throw(text)
}

fn is_short_uuid(text: &str) -> bool {
    is_made_of(
        text,
        &[
            "a", "an", "uuid", "guid", "v4", "v7", "version", "4", "7", "uuidv4", "uuidv7",
        ],
    )
}

fn uuids(text: &str) -> Result<Reply, AgentError> {
    let is_v7 = has_word(text, "v7") || text.to_ascii_lowercase().contains("version 7");
    let is_v4 = has_word(text, "v4") || text.to_ascii_lowercase().contains("version 4");
    let (version, make): (u64, fn() -> Uuid) = if is_v7 {
        (7, Uuid::now_v7)
    } else {
        (4, Uuid::new_v4)
    };
    let is_count = |n: &u64| !((is_v7 && *n == 7) || (is_v4 && *n == 4));
    let count = integers(text).into_iter().find(is_count).unwrap_or(1);
    if !(1..=MAX_UUIDS).contains(&count) {
        return Err(AgentError::user(format!(
            "I make from 1 to {MAX_UUIDS} UUIDs at a time, not {count}."
        )));
    }
    let uuids: Vec<String> = (0..count).map(|_| make().to_string()).collect();
    Ok(Reply::text(uuids.join("\n"))
        .with("skill", "uuid")
        .with("version", version)
        .with("values", uuids))
}

fn password(text: &str) -> Result<Reply, AgentError> {
    let length = integers(text).first().copied().unwrap_or(DEFAULT_PASSWORD);
    if !PASSWORD_LENGTHS.contains(&length) {
        return Err(AgentError::user(format!(
            "A password is made of {} to {} characters, not {length}.",
            PASSWORD_LENGTHS.start(),
            PASSWORD_LENGTHS.end()
        )));
    }
    let value = loop {
        let candidate = characters(length)?;
        // One of every class; drawing anew keeps the remaining passwords equally likely.
        if CLASSES
            .iter()
            .all(|class| candidate.contains(|c| class.contains(c)))
        {
            break candidate;
        }
    };
    Ok(Reply::text(value.as_str())
        .with("skill", "password")
        .with("length", length)
        .with("value", value))
}

fn characters(length: u64) -> Result<String, AgentError> {
    let all: Vec<char> = CLASSES.concat().chars().collect();
    let last = all.len() as u64 - 1;
    (0..length)
        .map(|_| Ok(usize::try_from(up_to(last)?).map_or(all[0], |index| all[index])))
        .collect()
}

fn number(text: &str) -> Result<Reply, AgentError> {
    let bounds = signed_integers(text)?;
    let (first, second) = match bounds[..] {
        [] => (1, 100),
        [only] => (1, only),
        [first, second, ..] => (first, second),
    };
    let (low, high) = (first.min(second), first.max(second));
    let value = between(low, high)?;
    Ok(Reply::text(value.to_string())
        .with("skill", "random number")
        .with("from", low)
        .with("to", high)
        .with("value", value))
}

/// Dice and coins.
fn throw(text: &str) -> Answer {
    let first = words_of(text).next()?;
    if ["flip", "toss"]
        .iter()
        .any(|verb| first.eq_ignore_ascii_case(verb))
    {
        return has_word(text, "coin").then(coin);
    }
    let rolled = words_of(text).last()?;
    let sides = match rolled.to_ascii_lowercase().as_str() {
        "die" | "dice" => 6,
        other => other.strip_prefix('d')?.parse().ok()?,
    };
    (first.eq_ignore_ascii_case("roll") && sides > 0).then(|| {
        let value = between(1, sides)?;
        Ok(Reply::text(value.to_string())
            .with("skill", "random number")
            .with("from", 1)
            .with("to", sides)
            .with("value", value))
    })
}

fn coin() -> Result<Reply, AgentError> {
    let side = if up_to(1)? == 0 { "heads" } else { "tails" };
    Ok(Reply::text(side).with("skill", "coin").with("value", side))
}

fn between(low: i64, high: i64) -> Result<i64, AgentError> {
    let offset = up_to(high.abs_diff(low))?;
    Ok(low.saturating_add_unsigned(offset))
}

/// A number from 0 to `last`, both included.
fn up_to(last: u64) -> Result<u64, AgentError> {
    let Some(count) = last.checked_add(1) else {
        return drawn();
    };
    // Numbers past the last whole multiple of `count` would favour the small remainders.
    let fair = u64::MAX - u64::MAX % count;
    loop {
        let number = drawn()?;
        if number < fair {
            return Ok(number % count);
        }
    }
}

fn drawn() -> Result<u64, AgentError> {
    getrandom::u64().map_err(|error| {
        AgentError::failure(format!(
            "The operating system gave no random numbers: {error}."
        ))
    })
}

fn integers(text: &str) -> Vec<u64> {
    words_of(text)
        .filter_map(|word| word.parse().ok())
        .collect()
}

/// The whole numbers of the text; a hyphen between two of them is not a sign.
fn signed_integers(text: &str) -> Result<Vec<i64>, AgentError> {
    let apart = text
        .char_indices()
        .map(|(at, c)| {
            let before = || text[..at].trim_end();
            if c == ',' || (c == '-' && before().ends_with(|c: char| c.is_ascii_digit())) {
                ' '
            } else {
                c
            }
        })
        .collect::<String>();
    apart
        .split_whitespace()
        .map(|word| word.trim_matches(['?', '.', '!', '(', ')']))
        .filter(|word| is_whole_number(word))
        .map(|word| word.parse().map_err(|_| out_of_bounds()))
        .collect()
}

fn is_whole_number(word: &str) -> bool {
    let digits = word.strip_prefix(['+', '-']).unwrap_or(word);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

fn out_of_bounds() -> AgentError {
    let (least, most) = (i64::MIN, i64::MAX);
    AgentError::user(format!("I draw numbers from {least} to {most}."))
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
    fn uuids_have_the_version_and_number_asked_for() {
        let version = |text: &str| Uuid::parse_str(&content(text)).unwrap().get_version_num();
        assert_eq!(version("generate a uuid"), 4);
        assert_eq!(version("UUID v7"), 7);
        assert_eq!(version("please create a version 7 UUID"), 7);
        assert_eq!(content("generate 3 v4 uuids").lines().count(), 3);
        assert!(answer("generate 1000 uuids").unwrap().is_err());
        assert!(answer("what is a uuid good for").is_none());
    }

    #[test]
    fn passwords_have_the_length_asked_for_and_every_class() {
        let password = content("create a strong password of 24 characters");
        assert_eq!(password.len(), 24);
        assert!(
            CLASSES
                .iter()
                .all(|class| password.contains(|c| class.contains(c)))
        );
        assert_eq!(content("generate a password").len(), 20);
        assert!(
            answer("generate a password of 3 characters")
                .unwrap()
                .is_err()
        );
        assert_eq!(content("I need a password").len(), 20);
        assert!(answer("I forgot my password").is_none());
    }

    #[test]
    fn random_numbers_keep_to_their_bounds() {
        let drawn = |text: &str| content(text).parse::<i64>().unwrap();
        for _ in 0..200 {
            assert!((1..=100).contains(&drawn("give me a random number")));
            assert!((-5..=-3).contains(&drawn("random number between -3 and -5")));
            assert!((10..=12).contains(&drawn("random integer from 10-12.")));
            assert!((1..=20).contains(&drawn("roll a d20")));
            assert!(["heads", "tails"].contains(&content("flip a coin").as_str()));
        }
        let widest = format!("random number between {} and {}", i64::MIN, i64::MAX);
        assert!(answer(&widest).unwrap().is_ok());
        let wider = "random number between 1 and 9223372036854775808";
        assert!(answer(wider).unwrap().is_err());
    }

    #[test]
    fn every_outcome_is_possible() {
        let mut seen = [false; 6];
        for _ in 0..1000 {
            seen[usize::try_from(up_to(5).unwrap()).unwrap()] = true;
        }
        assert_eq!(seen, [true; 6]);
    }
}
