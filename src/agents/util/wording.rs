//! Turns a question for a result into an expression: "how many seconds are in a week?" becomes
//! `1 week to seconds`.
//!
//! Words are replaced whole, in one pass from left to right; what is no word of arithmetic is
//! kept as it is, for the calculator to accept or refuse.

use super::question::{after_phrase, around_phrase, before_phrase, without_openings};

const OPENINGS: &[&str] = &[
    "what is",
    "what's",
    "whats",
    "what are",
    "what does",
    "what do",
    "what",
    "how much is",
    "how much are",
    "how much does",
    "calculate",
    "compute",
    "evaluate",
    "work out",
    "solve",
    "convert",
    "find",
    "determine",
    "change",
    "express",
    "the result of",
    "the value of",
    "the answer to",
    "result of",
    "value of",
    "the",
    "calculation",
];

const CLOSINGS: &[&str] = &["is", "equals", "equal to", "equal", "make"];

/// Phrases and what they mean; of two that begin alike, the longer comes first.
const MEANINGS: &[(&str, &str)] = &[
    ("the square root of", "sqrt"),
    ("square root of", "sqrt"),
    ("the cube root of", "cbrt"),
    ("cube root of", "cbrt"),
    ("raised to the power of", "^"),
    ("to the power of", "^"),
    ("raised to", "^"),
    ("degrees celsius", "celsius"),
    ("degree celsius", "celsius"),
    ("degrees fahrenheit", "fahrenheit"),
    ("degree fahrenheit", "fahrenheit"),
    ("degrees c", "celsius"),
    ("degrees f", "fahrenheit"),
    ("per cent", "%"),
    ("percent", "%"),
    ("multiplied by", "*"),
    ("divided by", "/"),
    ("half of", "0.5 *"),
    ("times", "*"),
    ("plus", "+"),
    ("minus", "-"),
    ("modulo", "mod"),
    ("squared", "^2"),
    ("cubed", "^3"),
    ("factorial", "!"),
    ("into", "to"),
    ("to", "to"),
    ("in", "in"),
    ("of", "of"),
    ("and", ""),
    ("x", "*"),
    ("zero", "0"),
    ("one", "1"),
    ("two", "2"),
    ("three", "3"),
    ("four", "4"),
    ("five", "5"),
    ("six", "6"),
    ("seven", "7"),
    ("eight", "8"),
    ("nine", "9"),
    ("ten", "10"),
    ("twelve", "12"),
    ("twenty", "20"),
    ("hundred", "* 100"),
];

/// The expression that the question asks the result of.
pub(super) fn expression(question: &str) -> String {
    let text = ended(question);
    let reordered = how_many(text)
        .or_else(|| discount(stripped(text)))
        .or_else(|| ordered_operands(stripped(text)));
    meant(&without_currency(
        reordered.unwrap_or_else(|| stripped(text).to_owned()),
    ))
}

/// Amounts that are all in one currency can be calculated with as they stand.
fn without_currency(text: String) -> String {
    const SIGNS: [char; 4] = ['$', '\u{20ac}', '\u{a3}', '\u{a5}'];
    let mut present = SIGNS.into_iter().filter(|sign| text.contains(*sign));
    match (present.next(), present.next()) {
        (Some(only), None) => text.replace(only, ""),
        _ => text,
    }
}

/// Whether the question says that it wants something calculated.
pub(super) fn asks_to_calculate(question: &str) -> bool {
    [
        "calculate",
        "compute",
        "evaluate",
        "convert",
        "solve",
        "work out",
        "how many",
    ]
    .iter()
    .any(|verb| after_phrase(question, verb).is_some())
}

fn stripped(text: &str) -> &str {
    without_openings(text, OPENINGS).trim_start_matches([':', ' '])
}

/// The text without what only ends a question; `!` may be a factorial and stays.
fn ended(text: &str) -> &str {
    let mut rest = text.trim_end_matches(['?', '=', '.', ' ', '\n']);
    while let Some(shorter) = CLOSINGS
        .iter()
        .find_map(|closing| before_phrase(rest, closing))
    {
        rest = shorter.trim_end_matches(['=', ' ']);
    }
    rest
}

/// `how many A are in B` asks for `B to A`.
fn how_many(text: &str) -> Option<String> {
    const LINKS: [&str; 10] = [
        "are there in",
        "is there in",
        "are in",
        "is in",
        "in",
        "are",
        "is",
        "per",
        "make",
        "equal",
    ];
    let rest = after_phrase(text, "how many")?;
    let (unit, quantity) = LINKS.iter().find_map(|link| around_phrase(rest, link))?;
    let single = ["a", "an", "one", "the", "each"]
        .iter()
        .find_map(|article| after_phrase(quantity, article));
    Some(match single {
        Some(noun) => format!("1 {noun} to {unit}"),
        None if quantity.contains(|c: char| c.is_ascii_digit()) => format!("{quantity} to {unit}"),
        None => format!("1 {quantity} to {unit}"),
    })
}

/// `10% off 50`.
fn discount(text: &str) -> Option<String> {
    let (rate, price) = around_phrase(text, "off")?;
    let rate = before_phrase(rate, "percent").unwrap_or(rate.trim_end_matches('%'));
    let rate: f64 = rate.trim().parse().ok()?;
    Some(format!(
        "({}) * (1 - {rate}%)",
        without_openings(price, &["of"])
    ))
}

/// `sum of A and B`, `subtract A from B`.
fn ordered_operands(text: &str) -> Option<String> {
    const FORMS: [(&str, &str, &str); 9] = [
        ("sum of", "and", "+"),
        ("add", "and", "+"),
        ("add", "to", "+"),
        ("difference between", "and", "-"),
        ("difference of", "and", "-"),
        ("product of", "and", "*"),
        ("multiply", "by", "*"),
        ("quotient of", "and", "/"),
        ("divide", "by", "/"),
    ];
    if let Some((less, from)) = around_phrase(after_phrase(text, "subtract").unwrap_or(""), "from")
    {
        return Some(format!("({from}) - ({less})"));
    }
    FORMS.iter().find_map(|(opening, link, operator)| {
        let (first, second) = around_phrase(after_phrase(text, opening)?, link)?;
        Some(format!("({first}) {operator} ({second})"))
    })
}

fn meant(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let mut meant: Vec<&str> = Vec::new();
    let mut at = 0;
    while let Some(word) = words.get(at) {
        let (length, meaning) = meaning(&words[at..]).unwrap_or((1, word));
        let is_inches = meaning == "in" && is_inches(&meant, &words[at + 1..]);
        meant.push(if is_inches { "inches" } else { meaning });
        at += length;
    }
    in_degrees(&meant)
        .or_else(|| quantity_below(&meant))
        .unwrap_or_else(|| meant.join(" "))
}

/// How many of the words a phrase takes, and what it means.
fn meaning(words: &[&str]) -> Option<(usize, &'static str)> {
    MEANINGS.iter().find_map(|(phrase, meaning)| {
        let parts = phrase.split(' ');
        let length = parts.clone().count();
        let matches = words.len() >= length
            && parts
                .zip(words)
                .all(|(part, word)| word.eq_ignore_ascii_case(part));
        matches.then_some((length, *meaning))
    })
}

/// Whether "in" measures a length: after a number, and before a conversion or nothing.
fn is_inches(before: &[&str], after: &[&str]) -> bool {
    let follows_number = before
        .last()
        .is_some_and(|word| word.parse::<f64>().is_ok());
    let ends_quantity = after
        .first()
        .is_none_or(|word| ["to", "in", "into", "as", "+", "-"].contains(word));
    follows_number && ends_quantity
}

/// The sine of 30 degrees is not the sine of 30, in degrees.
fn in_degrees(words: &[&str]) -> Option<String> {
    let [function, number, unit] = *words else {
        return None;
    };
    let is_angle = ["degrees", "degree", "deg", "\u{b0}"].contains(&unit);
    let is_meant = is_angle && ["sin", "cos", "tan"].contains(&function);
    is_meant.then(|| format!("{function}({number} degrees)"))
}

/// What is divided by "2 hours" is divided by the hours, too.
fn quantity_below(words: &[&str]) -> Option<String> {
    let at = words.iter().position(|word| *word == "/")?;
    let [number, unit, rest @ ..] = words.get(at + 1..)? else {
        return None;
    };
    let is_unit = unit.starts_with(char::is_alphabetic) && !["to", "in", "mod"].contains(unit);
    (is_unit && number.parse::<f64>().is_ok()).then(|| {
        let (above, rest) = (words[..at].join(" "), rest.join(" "));
        format!("{above} / ({number} {unit}) {rest}")
            .trim_end()
            .to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_become_expressions() {
        for (question, wanted) in [
            ("What is 17% of 2340?", "17% of 2340"),
            ("how many seconds are in a week?", "1 week to seconds"),
            ("how many feet are there in 2 miles", "2 miles to feet"),
            ("calculate 15 percent of 80", "15 % of 80"),
            ("what is the square root of 144 =", "sqrt 144"),
            ("5 ft 3 in to cm", "5 ft 3 inches to cm"),
            ("0xff in decimal", "0xff in decimal"),
            ("convert 5 miles into km", "5 miles to km"),
            ("what 2 plus 2 is", "2 + 2"),
            ("10% off 50", "(50) * (1 - 10%)"),
            ("subtract 3 from 10", "(10) - (3)"),
            ("the sum of 5 and 7", "(5) + (7)"),
            ("sin 30 degrees", "sin(30 degrees)"),
            ("What is 5!", "5!"),
            ("15% of $80", "15% of 80"),
            (
                "100 km divided by 2 hours in km/h",
                "100 km / (2 hours) in km/h",
            ),
        ] {
            assert_eq!(expression(question), wanted, "{question}");
        }
    }
}
