//! Times of day around the world: "what time is it in Tokyo", "convert 15:00 UTC to Europe/Berlin".
//!
//! A time without a date is meant today, in the zone it is given in. A question that names no
//! place is answered in the zone of whoever asks.

use jiff::Zoned;
use jiff::civil::Time;
use jiff::tz::TimeZone;

use super::question::{
    Answer, Question, after_phrase, around_phrase, before_phrase, skip_one, without_openings,
};
use super::zones;
use crate::words::{AgentError, Reply};

const OPENINGS: &[&str] = &[
    "what is",
    "what's",
    "whats",
    "what",
    "convert",
    "the",
    "current",
    "local",
    "exact",
    "when it is",
    "when it's",
    "if it is",
    "if it's",
    "from",
];

/// Answers questions for the time at a place, or for a time elsewhere.
pub(super) fn try_answer(question: &Question<'_>) -> Answer {
    let text = question.text.trim_end_matches(['?', '.', '!', ' ']);
    let text = without_openings(text, OPENINGS);
    let now = &question.now;
    time_now(text, now)
        .or_else(|| converted(text, now))
        .or_else(|| Some(Ok(shown(&now.with_time_zone(place_named(text)?)))))
}

fn time_now(text: &str, now: &Zoned) -> Answer {
    let rest = after_phrase(text, "time").or_else(|| after_phrase(text, "clock"))?;
    let rest = skip_one(rest, &["is it", "it is", "do we have", "is"]);
    let rest = skip_one(rest, &["right now", "now", "currently", "at the moment"]);
    if rest.is_empty() {
        return Some(Ok(shown(now)));
    }
    let place = ["in", "at", "for"]
        .iter()
        .find_map(|word| after_phrase(rest, word))?;
    Some(zone(place).map(|zone| shown(&now.with_time_zone(zone))))
}

/// The zone that follows: `date in Tokyo`, or precedes: `Tokyo time`.
fn place_named(text: &str) -> Option<TimeZone> {
    let there = after_phrase(text, "date").and_then(|rest| {
        let rest = skip_one(rest, &["is it", "it is"]);
        after_phrase(rest, "in")
    });
    zones::find(there.or_else(|| before_phrase(text, "time"))?)
}

/// `15:00 UTC to Europe/Berlin`, `15:00 in Berlin, what time is it in Tokyo`.
fn converted(text: &str, now: &Zoned) -> Answer {
    let (time, rest) = leading_time(text)?;
    let (from, to) = around_phrase(rest, "what time is it").or_else(|| two_places(rest))?;
    let from = skip_one(from.trim_end_matches([',', ' ']), &["from", "in", "at"]);
    let to = skip_one(to, &["to", "in", "at"]);
    let from = if from.is_empty() {
        Ok(now.time_zone().clone())
    } else {
        zone(from)
    };
    Some(from.and_then(|from| elsewhere(time, &from, zone(to)?, now)))
}

fn two_places(text: &str) -> Option<(&str, &str)> {
    // The first place of "in London to Tokyo" follows an "in" of its own.
    let rest = skip_one(text, &["from", "in", "at"]);
    let found = ["to", "in", "into"]
        .iter()
        .find_map(|word| around_phrase(rest, word));
    found.or_else(|| (rest.len() < text.len()).then_some(("", rest)))
}

fn elsewhere(time: Time, from: &TimeZone, to: TimeZone, now: &Zoned) -> Result<Reply, AgentError> {
    let there = now.with_time_zone(from.clone()).date().to_datetime(time);
    let moment = there
        .to_zoned(from.clone())
        .map_err(|error| AgentError::user(format!("That time does not exist there: {error}.")))?;
    Ok(shown(&moment.with_time_zone(to)).with("from", moment.to_string()))
}

fn zone(place: &str) -> Result<TimeZone, AgentError> {
    zones::find(place).ok_or_else(|| {
        let place: String = place.chars().take(60).collect();
        let hint = zones::suggestion(&place).map_or_else(
            || "Name a large city, or a zone such as `Europe/Berlin` or `UTC+2`.".to_owned(),
            |name| format!("Did you mean {name}?"),
        );
        AgentError::user(format!("I do not know the time zone of `{place}`. {hint}"))
    })
}

/// The time of day that the text begins with (`15:00`, `3pm`, `3:30 pm`, `noon`), and the rest.
fn leading_time(text: &str) -> Option<(Time, &str)> {
    for (name, hour) in [("noon", 12), ("midday", 12), ("midnight", 0)] {
        if let Some(rest) = after_phrase(text, name) {
            return Some((Time::new(hour, 0, 0, 0).ok()?, rest));
        }
    }
    let end = text
        .find(|c: char| !(c.is_ascii_digit() || c == ':'))
        .unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    let rest = rest.trim_start();
    let half = |names: [&str; 2]| names.iter().find_map(|name| after_phrase(rest, name));
    let (afternoon, rest) = match (half(["am", "a.m."]), half(["pm", "p.m."])) {
        (Some(rest), _) => (Some(false), rest),
        (_, Some(rest)) => (Some(true), rest),
        _ => (None, skip_one(rest, &["o'clock", "h"])),
    };
    // A bare number is a quantity, not a time.
    (afternoon.is_some() || digits.contains(':')).then_some(())?;
    Some((time_of(digits, afternoon)?, rest))
}

fn time_of(digits: &str, afternoon: Option<bool>) -> Option<Time> {
    let mut parts = digits.split(':');
    let hour: i8 = parts.next()?.parse().ok()?;
    let minute = parts.next().map_or(Some(0), |minute| minute.parse().ok())?;
    let second = parts.next().map_or(Some(0), |second| second.parse().ok())?;
    let hour = match afternoon {
        None => hour,
        Some(_) if !(1..=12).contains(&hour) => return None,
        Some(is_afternoon) => hour % 12 + if is_afternoon { 12 } else { 0 },
    };
    Time::new(hour, minute, second, 0)
        .ok()
        .filter(|_| parts.next().is_none())
}

fn shown(moment: &Zoned) -> Reply {
    let zone = moment
        .time_zone()
        .iana_name()
        .map_or_else(|| format!("UTC{}", moment.offset()), str::to_owned);
    let time = moment.strftime("%H:%M").to_string();
    let day = moment.strftime("%A, %-d %B %Y");
    Reply::text(format!("{time} on {day} ({zone})"))
        .with("skill", "time")
        .with("value", time)
        .with("date", moment.date().to_string())
        .with("zone", zone)
        .with("utc_offset", moment.offset().to_string())
        .with("timestamp", moment.timestamp().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(text: &str) -> Answer {
        let now = "2025-07-01T12:30[UTC]".parse().unwrap();
        try_answer(&Question::new(text, now))
    }

    fn content(text: &str) -> String {
        answer(text).unwrap().unwrap().content
    }

    #[test]
    fn the_time_is_told_for_any_place() {
        let tokyo = "21:30 on Tuesday, 1 July 2025 (Asia/Tokyo)";
        assert_eq!(content("What time is it in Tokyo?"), tokyo);
        assert_eq!(content("what's the current time in Tokyo right now"), tokyo);
        assert!(content("what time is it in New York").starts_with("08:30"));
        assert!(content("time in Asia/Kolkata").starts_with("18:00"));
        assert_eq!(content("Tokyo time"), tokyo);
        assert_eq!(content("what's the date in Tokyo"), tokyo);
        assert_eq!(
            content("what time is it?"),
            "12:30 on Tuesday, 1 July 2025 (UTC)"
        );
    }

    #[test]
    fn times_are_converted_between_zones() {
        let berlin = "17:00 on Tuesday, 1 July 2025 (Europe/Berlin)";
        for question in [
            "convert 15:00 UTC to Europe/Berlin",
            "What is 3pm UTC in Berlin?",
            "convert 3:00 p.m. in London to Munich",
            "15:00 to Berlin",
            "when it is 15:00 in UTC, what time is it in Berlin?",
        ] {
            let wanted = berlin.replace(
                "17",
                if question.contains("London") {
                    "16"
                } else {
                    "17"
                },
            );
            assert_eq!(content(question), wanted, "{question}");
        }
    }

    #[test]
    fn an_unknown_place_is_the_users_mistake_and_gets_a_hint() {
        let error = answer("what time is it in Tokio").unwrap().unwrap_err();
        assert!(error.message().ends_with("Did you mean Tokyo?"), "{error}");
        assert!(answer("convert 15:00 UTC to Atlantis").unwrap().is_err());
    }

    #[test]
    fn quantities_are_not_times() {
        assert!(answer("convert 15 miles to km").is_none());
        assert!(answer("time flies").is_none());
        assert!(answer("25:99 UTC to Berlin").is_none());
    }
}
