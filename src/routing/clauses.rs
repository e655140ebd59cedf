//! Requests that ask for several things: where one ends, and how the next one follows it.

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, Input, MatchKind};

use super::text::{Words, normalised, words_of};

/// A part of a request that may ask for something by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Clause<'a> {
    pub text: &'a str,
    pub joint: Joint,
}

/// How a clause follows the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Joint {
    /// It is the first, or a sentence of its own.
    Apart,
    /// It is joined by an "and".
    And,
    /// It is to be done after what comes before it.
    Then,
}

/// More clauses than this are a story and no list of requests.
const MOST: usize = 6;

/// Words that join, with what they say of the order.
const JOINTS: &[(&str, Joint)] = &[
    (", and then ", Joint::Then),
    (" and then ", Joint::Then),
    (", then ", Joint::Then),
    ("; then ", Joint::Then),
    (", and afterwards ", Joint::Then),
    (" and afterwards ", Joint::Then),
    (", afterwards ", Joint::Then),
    (" and after that ", Joint::Then),
    (", after that ", Joint::Then),
    (" and finally ", Joint::Then),
    (", finally ", Joint::Then),
    (" und dann ", Joint::Then),
    (" und danach ", Joint::Then),
    (" et ensuite ", Joint::Then),
    (" puis ", Joint::Then),
    (" y luego ", Joint::Then),
    (" y después ", Joint::Then),
    (" e poi ", Joint::Then),
    (" e depois ", Joint::Then),
    (" en daarna ", Joint::Then),
    (" en dan ", Joint::Then),
    (" och sedan ", Joint::Then),
    (" a potem ", Joint::Then),
    (" ve sonra ", Joint::Then),
    (" а потом ", Joint::Then),
    (", затем ", Joint::Then),
    ("，然后", Joint::Then),
    (", and also ", Joint::And),
    (" and also ", Joint::And),
    (", also ", Joint::And),
    (", plus ", Joint::And),
    (", and ", Joint::And),
    (" and ", Joint::And),
    (", ", Joint::And),
];

/// How somebody begins who wants something done. After an "and" this tells a second request from a
/// second thing.
static REQUESTS: LazyLock<Words> = LazyLock::new(|| {
    words_of(
        "add analyse analyze answer calculate can change check compare compute condense \
         convert copy could count create debug decode delete deploy describe do does draft \
         encode execute explain extract figure file find fix follow format generate get give \
         grab hash how implement install is are let list look lookup make measure move open \
         patch pick ping please pull read rebuild recommend redeploy refactor remind remove \
         rename report research restart review rewrite roll run save search see send set show \
         sort split start stop sum summarise summarize synthesize synthesise tell test \
         translate turn update upgrade use verify what what's when where which who why will \
         work would write",
    )
});

/// Divides a request where it may go on to another. The clauses are parts of the text, in order; a
/// text that asks for one thing is one clause.
pub(super) fn split(text: &str) -> Vec<Clause<'_>> {
    let mut clauses = Vec::new();
    for sentence in sentences(text) {
        split_sentence(sentence, &mut clauses);
    }
    if clauses.len() > MOST {
        clauses = vec![Clause {
            text,
            joint: Joint::Apart,
        }];
    }
    clauses
}

/// Divides after full stops and the like that a space follows.
fn sentences(text: &str) -> Vec<&str> {
    let may_end = |byte: u8| !byte.is_ascii() || b".?!;\n-".contains(&byte);
    if !text.bytes().any(may_end) {
        return vec![text];
    }
    let mut sentences = Vec::new();
    let mut begin = 0;
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let ends = match c {
            '.' | '?' | '!' | ';' | '…' => {
                chars.peek().is_none_or(|(_, next)| next.is_whitespace())
            }
            '\n' | '。' | '？' | '！' => true,
            '-' | '–' | '—' => {
                text[..at].ends_with(' ') && chars.peek().is_some_and(|(_, next)| *next == ' ')
            }
            _ => false,
        };
        if ends && !abbreviates(&text[begin..at]) {
            sentences.push(&text[begin..at + c.len_utf8()]);
            begin = at + c.len_utf8();
        }
    }
    sentences.push(&text[begin..]);
    sentences.retain(|sentence| sentence.chars().any(char::is_alphanumeric));
    sentences
}

fn abbreviates(before: &str) -> bool {
    static SHORT: LazyLock<Words> =
        LazyLock::new(|| words_of("e.g i.e etc vs mr mrs dr no approx z.b"));
    let word = before.rsplit([' ', '(']).next().unwrap_or_default();
    SHORT.contains(word.to_ascii_lowercase().as_str())
}

fn split_sentence<'a>(sentence: &'a str, clauses: &mut Vec<Clause<'a>>) {
    let mut joint = opening(sentence);
    let mut begin = 0;
    let mut at = 0;
    while let Some((end, next, following)) = next_joint(sentence, at) {
        at = next;
        let parts = [&sentence[begin..end], &sentence[next..]];
        if parts.into_iter().all(is_enough) {
            clauses.push(Clause {
                text: sentence[begin..end].trim(),
                joint,
            });
            (begin, joint) = (next, following);
        }
    }
    clauses.push(Clause {
        text: sentence[begin..].trim(),
        joint,
    });
}

/// How a sentence follows the one before it, by its own beginning.
fn opening(sentence: &str) -> Joint {
    const AFTER: &[&str] = &[
        "then ",
        "after that",
        "afterwards",
        "next,",
        "finally",
        "dann ",
        "danach",
        "ensuite",
        "luego ",
        "poi ",
    ];
    let sentence = sentence.trim_start();
    let begins = |with: &&str| {
        let beginning = sentence.get(..with.len());
        beginning.is_some_and(|beginning| beginning.eq_ignore_ascii_case(with))
    };
    if AFTER.iter().any(begins) {
        Joint::Then
    } else {
        Joint::Apart
    }
}

/// All joints in one automaton, which finds the earliest, and of those the longest.
static FINDER: LazyLock<AhoCorasick> = LazyLock::new(|| {
    let mut finder = AhoCorasick::builder();
    let words = JOINTS.iter().map(|(words, _)| words);
    let finder = finder
        .match_kind(MatchKind::LeftmostLongest)
        .ascii_case_insensitive(true)
        .build(words);
    finder.expect("a few short phrases make an automaton")
});

/// The next joint from there on: where it begins and ends, and what it says.
fn next_joint(sentence: &str, mut from: usize) -> Option<(usize, usize, Joint)> {
    loop {
        let found = FINDER.find(Input::new(sentence).range(from..))?;
        let joint = JOINTS[found.pattern().as_usize()].1;
        if joint == Joint::Then || requests(&sentence[found.end()..]) {
            return Some((found.start(), found.end(), joint));
        }
        // A joint may begin with the space that another ends with.
        from = found.end() - 1;
    }
}

/// Whether the words begin as somebody does who wants something.
fn requests(words: &str) -> bool {
    let ends = |c: char| !c.is_alphanumeric() && c != '\'';
    let first = words.split(ends).next().unwrap_or_default();
    if first.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return REQUESTS.contains(&*first.to_ascii_lowercase());
    }
    REQUESTS.contains(first)
}

fn is_enough(part: &str) -> bool {
    normalised(part).split_ascii_whitespace().nth(1).is_some()
}

impl Clause<'_> {
    /// Whether it asks for something, and does not only tell how things are.
    pub fn is_request(&self) -> bool {
        const POLITE: &[&str] = &[
            "please",
            "also",
            "then",
            "now",
            "ok",
            "okay",
            "so",
            "and",
            "but",
            "anyway",
            "maybe",
            "just",
            "only",
            "simply",
            "first",
            "finally",
            "afterwards",
            "next",
            "by the way",
            "after that",
            "i need",
            "i want",
            "i'd like",
            "i would like",
            "i just need",
            "i only want",
            "we need",
            "kindly",
        ];
        let words = normalised(self.text);
        let mut words = words.trim();
        let mut asks =
            self.joint != Joint::Apart || self.text.contains(['?', '？']) || !words.is_ascii();
        while let Some(rest) = POLITE
            .iter()
            .find_map(|polite| words.strip_prefix(polite)?.strip_prefix(' '))
        {
            asks |= words.starts_with("i ") || words.starts_with("i'd") || words.starts_with("we ");
            words = rest;
        }
        asks || requests(words)
    }

    /// Whether it speaks of what came before it: `it`, `them`, `the result`.
    pub fn refers_back(&self) -> bool {
        const BACK: &[&str] = &[
            " it ",
            " them ",
            " that ",
            " those ",
            " these ",
            " result ",
            " results ",
            " findings ",
            " each ",
            " accordingly ",
            " its ",
            " this ",
        ];
        let words = normalised(self.text);
        BACK.iter().any(|back| words.contains(back))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> Vec<(&str, Joint)> {
        split(text)
            .into_iter()
            .map(|clause| (clause.text, clause.joint))
            .collect()
    }

    #[test]
    fn requests_are_told_apart_by_how_they_are_joined() {
        use Joint::{And, Apart, Then};
        let cases: &[(&str, &[(&str, Joint)])] = &[
            (
                "find our VPN policy and then summarize it",
                &[("find our VPN policy", Apart), ("summarize it", Then)],
            ),
            (
                "Hey, good to see you! Could you set a timer?",
                &[
                    ("Hey, good to see you!", Apart),
                    ("Could you set a timer?", Apart),
                ],
            ),
            (
                "Run the backup, then grab the errors and tell me what they share.",
                &[
                    ("Run the backup", Apart),
                    ("grab the errors", Then),
                    ("tell me what they share.", And),
                ],
            ),
            ("salt and pepper", &[("salt and pepper", Apart)]),
            (
                "compare apples and oranges",
                &[("compare apples and oranges", Apart)],
            ),
            ("see e.g. chapter 3", &[("see e.g. chapter 3", Apart)]),
            ("what is 3.14 times 2?", &[("what is 3.14 times 2?", Apart)]),
        ];
        for (text, expected) in cases {
            assert_eq!(parts(text), *expected, "{text}");
        }
    }

    #[test]
    fn a_story_is_no_list() {
        assert_eq!(split(&"It rained. ".repeat(9)).len(), 1);
    }

    #[test]
    fn who_tells_how_things_are_wants_nothing_yet() {
        let clause = |text| Clause {
            text,
            joint: Joint::Apart,
        };
        assert!(!clause("I'm writing a post about heat pumps.").is_request());
        assert!(clause("I need three recent studies").is_request());
        assert!(clause("is this right?").is_request());
        assert!(clause("summarize it").refers_back());
        assert!(!clause("set a timer").refers_back());
    }
}
