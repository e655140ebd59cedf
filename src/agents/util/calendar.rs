//! Questions about days: "what day of the week is 24 December 2025", "days until Christmas",
//! "what date is it in 45 days".
//!
//! Today is today in the time zone of whoever asks. A question is left to other skills unless
//! what stands in the place of its dates is a date, so that "convert 5 days to hours" is not
//! taken for one.

use jiff::civil::Date;
use jiff::{Span, ToSpan, Unit};

use super::dates;
use super::question::{
    Answer, Question, after_phrase, around_phrase, before_phrase, has_word, is_made_of, skip_one,
    without_openings,
};
use crate::words::{AgentError, Reply};

const OPENINGS: &[&str] = &[
    "what is",
    "what's",
    "whats",
    "what was",
    "what will",
    "what",
    "which",
    "how many",
    "how long",
    "count",
    "calculate",
    "compute",
    "the",
    "number of",
    "on",
    "current",
    "today's",
];

const FILLERS: &[&str] = &[
    "are",
    "is",
    "was",
    "will",
    "be",
    "there",
    "it",
    "we",
    "have",
    "left",
    "remaining",
    "the",
    "do",
    "i",
    "to",
    "wait",
    "be",
    "passed",
    "have",
    "of",
    "week",
    "on",
    "fall",
    "does",
    "did",
    "number",
];

/// Answers questions for dates, days of the week, and the days between dates.
pub(super) fn try_answer(question: &Question<'_>) -> Answer {
    let text = question.text.trim_end_matches(['?', '.', '!', ' ']);
    let today = question.now.date();
    if has_word(text, "today's") && has_word(text, "date") {
        return Some(Ok(dated("date", today)));
    }
    let text = without_openings(text, OPENINGS);
    counted(text, today)
        .or_else(|| weekday(text, today))
        .or_else(|| shifted(text, today))
}

/// `days until X`, `days since X`, `days between X and Y`, `days from X to Y`.
fn counted(text: &str, today: Date) -> Answer {
    let is_counting = |before: &str| {
        let rest = after_phrase(before, "days").unwrap_or(before);
        let is_days = rest.len() < before.len() || before.starts_with("is");
        is_days && is_made_of(rest, FILLERS)
    };
    for (opening, middle) in [("between", "and"), ("from", "to"), ("from", "until")] {
        let parts = around_phrase(text, opening).filter(|(before, _)| is_counting(before));
        if let Some((first, second)) = parts.and_then(|(_, rest)| around_phrase(rest, middle)) {
            return both(first, second, today).map(|(first, second)| Ok(days(first, second)));
        }
    }
    for word in ["until", "till", "before", "to", "since"] {
        let Some((before, named)) = around_phrase(text, word) else {
            continue;
        };
        if is_counting(before) {
            return named_day(word, named, today);
        }
    }
    None
}

fn both(first: &str, second: &str, today: Date) -> Option<(Date, Date)> {
    Some((dates::parse(first, today)?, dates::parse(second, today)?))
}

fn named_day(word: &str, named: &str, today: Date) -> Answer {
    let Some(date) = dates::parse(named, today) else {
        // "days to hours" is a conversion.
        return (word != "to").then(|| Err(unknown_date(named)));
    };
    Some(Ok(match word {
        "since" if date <= today => days(date, today),
        _ if date < today => {
            let mut reply = days(today, date);
            reply.content.push_str(" ago");
            reply
        }
        _ => days(today, date),
    }))
}

fn unknown_date(text: &str) -> AgentError {
    let text: String = text.chars().take(60).collect();
    AgentError::user(format!(
        "I cannot read `{text}` as a date. Write it like `2025-12-24` or `24 December 2025`."
    ))
}

fn days(from: Date, to: Date) -> Reply {
    let count = from
        .until((Unit::Day, to))
        .map_or(0, |span| i64::from(span.get_days()));
    let unit = if count.abs() == 1 { "day" } else { "days" };
    Reply::text(format!("{} {unit}", count.abs()))
        .with("skill", "date")
        .with("from", from.to_string())
        .with("to", to.to_string())
        .with("value", count)
}

/// `day of the week is X`, `weekday was X`, `day is it`.
fn weekday(text: &str, today: Date) -> Answer {
    let rest = ["day of the week", "day of week", "weekday", "day"]
        .iter()
        .find_map(|name| after_phrase(text, name))?;
    let rest = without_openings(
        rest,
        &["is", "was", "will", "it", "be", "on", "does", "did", "fall"],
    );
    let rest = ["on", "fall", "be"]
        .iter()
        .fold(rest, |rest, word| before_phrase(rest, word).unwrap_or(rest));
    let date = match rest {
        "" | "it" | "is" | "is it" => today,
        named => dates::parse(named, today)?,
    };
    let name = date.strftime("%A").to_string();
    let mut reply = dated("weekday", date).with("value", name.as_str());
    reply.content = if date == today { reply.content } else { name };
    Some(Ok(reply))
}

/// `date today`, `date in 45 days`, `date 3 weeks ago`, `45 days from now`, `10 days after X`.
fn shifted(text: &str, today: Date) -> Answer {
    let rest = ["date", "day"]
        .iter()
        .find_map(|name| after_phrase(text, name));
    let names_date = rest.is_some();
    let rest = without_openings(
        rest.unwrap_or(text),
        &["is", "was", "will", "it", "be", "for"],
    );
    if names_date && matches!(rest, "" | "it" | "is" | "now") {
        return Some(Ok(dated("date", today)));
    }
    let date = if names_date {
        dates::parse(rest, today)
    } else {
        None
    };
    let date = date.or_else(|| moved(rest, names_date, today))?;
    Some(Ok(dated("date", date)))
}

fn moved(text: &str, names_date: bool, today: Date) -> Option<Date> {
    let ahead = after_phrase(text, "in").filter(|_| names_date);
    if let Some(span) = ahead.and_then(span) {
        return today.checked_add(span).ok();
    }
    if let Some(span) = before_phrase(text, "ago").and_then(span) {
        return today.checked_sub(span).ok();
    }
    for (word, is_later) in [("from", true), ("after", true), ("before", false)] {
        let Some((amount, start)) = around_phrase(text, word) else {
            continue;
        };
        let (amount, start) = (span(amount)?, dates::parse(start, today)?);
        let moved = if is_later {
            start.checked_add(amount)
        } else {
            start.checked_sub(amount)
        };
        return moved.ok();
    }
    None
}

/// `45 days`, `a week`, `3 months`, `2 years`.
fn span(text: &str) -> Option<Span> {
    let (count, unit) = text.trim().split_once(' ')?;
    let count: i64 = match count {
        "a" | "an" | "one" => 1,
        digits => digits.replace(',', "").parse().ok()?,
    };
    let zero = 0.days();
    match skip_one(unit.trim(), &["time"]) {
        "day" | "days" => zero.try_days(count),
        "week" | "weeks" => zero.try_weeks(count),
        "month" | "months" => zero.try_months(count),
        "year" | "years" => zero.try_years(count),
        _ => return None,
    }
    .ok()
}

fn dated(kind: &str, date: Date) -> Reply {
    Reply::text(date.strftime("%A, %-d %B %Y").to_string())
        .with("skill", "date")
        .with("kind", kind)
        .with("value", date.to_string())
        .with("date", date.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(text: &str) -> Answer {
        let now = "2025-07-01T12:30[UTC]".parse().unwrap();
        try_answer(&Question::new(text, now))
    }

    fn content(text: &str) -> String {
        answer(text)
            .unwrap_or_else(|| panic!("{text}"))
            .unwrap()
            .content
    }

    #[test]
    fn days_are_counted() {
        assert_eq!(content("days between 2024-02-01 and 2024-03-01"), "29 days");
        assert_eq!(
            content("How many days are there from 1 May 2025 to 2 May 2025?"),
            "1 day"
        );
        assert_eq!(content("days until 2027-01-01"), "549 days");
        assert_eq!(
            content("How many days are left until New Year?"),
            "184 days"
        );
        assert_eq!(content("how many days until Christmas"), "177 days");
        assert_eq!(content("how long is it until Christmas"), "177 days");
        assert_eq!(content("days since 2025-06-01"), "30 days");
        assert_eq!(content("days until 2025-06-30"), "1 day ago");
    }

    #[test]
    fn the_day_of_the_week_is_told() {
        assert_eq!(
            content("What day of the week is 24 December 2025?"),
            "Wednesday"
        );
        assert_eq!(content("which weekday was 2000-01-01"), "Saturday");
        assert_eq!(content("what day will Christmas fall on"), "Thursday");
        assert_eq!(content("what day is it today"), "Tuesday, 1 July 2025");
        assert_eq!(content("what day is it?"), "Tuesday, 1 July 2025");
    }

    #[test]
    fn dates_are_told_and_moved() {
        for question in [
            "What is the date today?",
            "what's today's date",
            "what is today's date?",
        ] {
            assert_eq!(content(question), "Tuesday, 1 July 2025", "{question}");
        }
        assert_eq!(
            content("what date is it in 45 days"),
            "Friday, 15 August 2025"
        );
        assert_eq!(
            content("what date will it be in a month"),
            "Friday, 1 August 2025"
        );
        assert_eq!(
            content("what was the date 3 weeks ago"),
            "Tuesday, 10 June 2025"
        );
        assert_eq!(content("90 days after 2024-01-01"), "Sunday, 31 March 2024");
        assert_eq!(
            content("2 days before Christmas"),
            "Tuesday, 23 December 2025"
        );
    }

    #[test]
    fn other_questions_about_days_are_left_alone() {
        for question in [
            "convert 5 days to hours",
            "how many days are in 3 weeks",
            "days to hours",
        ] {
            assert!(answer(question).is_none(), "{question}");
        }
        assert!(answer("days until the revolution").unwrap().is_err());
    }
}
