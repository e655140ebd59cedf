//! What a request says that it does not want: "don't search the web, just explain it".

use std::collections::HashSet;
use std::sync::LazyLock;

use super::text::normalised;

/// How a stretch begins that says what is not wanted, in lower case.
const NEGATIONS: &[&str] = &[
    "don't",
    "dont",
    "do not",
    "no need",
    "there's no need",
    "not in",
    "not from",
    "not on",
    "not the",
    "not our",
    "without",
    "i don't want",
    "i dont want",
    "i do not want",
    "i don't need",
    "i do not need",
    "i'm not asking",
    "i am not asking",
    "forget the",
    "forget about",
    "skip the",
    "ignore the",
    "ignore our",
    "instead of",
    "rather than",
    "leave out",
    "ohne",
    "bitte nicht",
    "nicht im",
    "ne cherche pas",
    "pas besoin",
    "pas dans",
    "sans",
    "no hace falta",
    "no busques",
    "sin",
    "non cercare",
    "senza",
    "sem",
    "niet in",
    "zonder",
    "bez",
    "utan",
];
/// Those that say something else.
const NO_NEGATIONS: &[&str] = &["don't forget", "don't worry", "do not forget", "don't know"];
/// What ends such a stretch, beside punctuation.
const TURNS: &[&str] = &[
    "just", "but", "only", "simply", "sondern", "nur", "mais", "juste", "sino", "solo", "ma",
    "mas", "apenas", "maar", "alleen", "bara", "tylko",
];
/// Where it begins within a sentence.
const WITHIN: &[&str] = &["instead of", "rather than", "but not", "and not", "statt"];
/// Words that have to be left: what has no others is not about what is unwanted.
const LEFT: usize = 2;

/// The normalised words of a text without those that say what is not wanted, and those; `None` where
/// nothing is said to be unwanted.
pub(super) fn divide(written: &str, words: &str) -> Option<(String, String)> {
    if !may_negate(words) {
        return None;
    }
    let (mut wanted, mut unwanted) = (String::from(" "), String::from(" "));
    for stretch in written.split(is_boundary) {
        let words = normalised(stretch);
        for (part, negated) in turns(&words) {
            let side = if negated { &mut unwanted } else { &mut wanted };
            side.push_str(part);
            side.push(' ');
        }
    }
    let enough = wanted.split_ascii_whitespace().count() >= LEFT;
    (enough && unwanted.len() > 1).then_some((wanted, unwanted))
}

/// Whether a clause says nothing but what is not wanted.
pub(super) fn only_negates(clause: &str) -> bool {
    let words = normalised(clause);
    may_negate(&words) && turns(&words).into_iter().all(|(_, negated)| negated)
}

/// The first words of all that negates.
static SIGNALS: LazyLock<HashSet<&str>> = LazyLock::new(|| {
    let phrases = NEGATIONS.iter().chain(WITHIN);
    let words = phrases.map(|phrase| phrase.split(' ').next().unwrap_or_default());
    // Of two of these only what follows says so.
    words
        .filter(|word| !matches!(*word, "but" | "and" | "i"))
        .chain(["not", "don't"])
        .collect()
});

fn may_negate(words: &str) -> bool {
    words
        .split_ascii_whitespace()
        .any(|word| SIGNALS.contains(word))
}

fn is_boundary(c: char) -> bool {
    matches!(
        c,
        ',' | '.'
            | ';'
            | ':'
            | '!'
            | '?'
            | '\n'
            | '—'
            | '–'
            | '('
            | ')'
            | '、'
            | '。'
            | '，'
            | '！'
            | '？'
    )
}

/// Divides the words between two boundaries where the wording turns; whether each part is negated.
fn turns(words: &str) -> Vec<(&str, bool)> {
    let words = words.trim();
    let mut parts = Vec::new();
    let mut begin = 0;
    let mut negated = is_negation(words);
    let starts = words.match_indices(' ').map(|(space, _)| space + 1);
    for start in starts {
        let rest = &words[start..];
        let turn = if negated {
            TURNS
                .iter()
                .any(|turn| starts_with(rest, turn))
                .then_some(false)
        } else {
            (WITHIN.iter().any(|within| starts_with(rest, within)) || is_undone(rest))
                .then_some(true)
        };
        if let Some(turn) = turn {
            parts.push((words[begin..start].trim_end(), negated));
            (begin, negated) = (start, turn);
        }
    }
    parts.push((&words[begin..], negated));
    parts
}

/// `without running it`, and not `without a card`.
fn is_undone(words: &str) -> bool {
    let rest = words.strip_prefix("without ");
    rest.is_some_and(|rest| {
        rest.split(' ')
            .next()
            .is_some_and(|word| word.ends_with("ing"))
    })
}

fn is_negation(words: &str) -> bool {
    const OPENINGS: &[&str] = &["please ", "and ", "so ", "ok ", "okay ", "hey ", "well "];
    let opening = OPENINGS
        .iter()
        .find_map(|opening| words.strip_prefix(opening));
    let words = opening.unwrap_or(words);
    NEGATIONS
        .iter()
        .any(|negation| starts_with(words, negation))
        && !NO_NEGATIONS.iter().any(|other| starts_with(words, other))
}

fn starts_with(words: &str, phrase: &str) -> bool {
    words
        .strip_prefix(phrase)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(text: &str) -> Option<String> {
        divide(text, &normalised(text)).map(|(wanted, _)| wanted.trim().to_owned())
    }

    #[test]
    fn what_is_not_wanted_is_left_out() {
        let cases = [
            ("Don't search the web, just explain it", "just explain it"),
            ("do not explain but run df -h", "but run df h"),
            ("please don't run it: what does it do?", "what does it do"),
            (
                "explain the command without running it",
                "explain the command",
            ),
            (
                "Use the notes instead of the web, who owns it?",
                "use the notes who owns it",
            ),
            (
                "Forget the PDF for now. What's the rate today?",
                "what's the rate today",
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(wanted(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_only_sounds_like_it_stays() {
        for text in [
            "I don't understand this error",
            "don't search the web",
            "Not sure which policy applies, can you look it up?",
            "what is a no-op",
            "my printer does not work, where is the guide",
            "don't forget to remind me at 5",
        ] {
            assert_eq!(wanted(text), None, "{text}");
        }
    }
}
