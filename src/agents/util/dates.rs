//! Dates as people write them: `2025-12-24`, "24th of December", "next Friday", "Christmas".
//!
//! A date without a year is the next one to come, today included. `03/04/2025` is read by no one
//! with certainty, and so not here either: with slashes, one of the numbers must exceed 12.

use jiff::ToSpan;
use jiff::civil::{Date, Weekday};

use super::question::{after_phrase, words_of};

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

const HOLIDAYS: &[(&str, i8, i8)] = &[
    ("new year", 1, 1),
    ("new years", 1, 1),
    ("new year's", 1, 1),
    ("new year's day", 1, 1),
    ("valentine's day", 2, 14),
    ("valentines day", 2, 14),
    ("halloween", 10, 31),
    ("christmas eve", 12, 24),
    ("christmas", 12, 25),
    ("christmas day", 12, 25),
    ("xmas", 12, 25),
    ("boxing day", 12, 26),
    ("new year's eve", 12, 31),
    ("new years eve", 12, 31),
    ("the end of the year", 12, 31),
];

/// The date that the whole text names.
pub(super) fn parse(text: &str, today: Date) -> Option<Date> {
    let text = text.trim_matches(|c: char| c.is_whitespace() || "?!.,".contains(c));
    let text = text.replace('\u{2019}', "'").to_lowercase();
    relative(&text, today)
        .or_else(|| numeric(&text))
        .or_else(|| holiday(&text, today))
        .or_else(|| with_month_name(&text, today))
}

fn relative(text: &str, today: Date) -> Option<Date> {
    match text {
        "today" | "now" => Some(today),
        "tomorrow" => today.tomorrow().ok(),
        "yesterday" => today.yesterday().ok(),
        "the day after tomorrow" => today.checked_add(2.days()).ok(),
        "the day before yesterday" => today.checked_sub(2.days()).ok(),
        _ => {
            let name = ["next", "this", "on"]
                .iter()
                .find_map(|word| after_phrase(text, word))
                .unwrap_or(text);
            today.nth_weekday(1, weekday(name)?).ok()
        }
    }
}

fn weekday(name: &str) -> Option<Weekday> {
    Some(match name {
        "monday" => Weekday::Monday,
        "tuesday" => Weekday::Tuesday,
        "wednesday" => Weekday::Wednesday,
        "thursday" => Weekday::Thursday,
        "friday" => Weekday::Friday,
        "saturday" => Weekday::Saturday,
        "sunday" => Weekday::Sunday,
        _ => return None,
    })
}

/// `2025-12-24`, `2025/12/24`, `24.12.2025`, `12/24/2025`.
fn numeric(text: &str) -> Option<Date> {
    let separator = text.chars().find(|c| "-/.".contains(*c))?;
    let parts: Vec<i16> = text
        .split(separator)
        .map(|part| part.parse().ok())
        .collect::<Option<_>>()?;
    let [a, b, c] = parts[..] else { return None };
    match separator {
        '.' => date(c, b, a),
        _ if a > 31 => date(a, b, c),
        '/' if a > 12 => date(c, b, a),
        '/' if b > 12 => date(c, a, b),
        _ => None,
    }
}

fn date(year: i16, month: i16, day: i16) -> Option<Date> {
    Date::new(year, month.try_into().ok()?, day.try_into().ok()?).ok()
}

fn holiday(text: &str, today: Date) -> Option<Date> {
    let (name, year) = match text.rsplit_once(' ') {
        Some((name, year)) if year.len() == 4 && year.parse::<i16>().is_ok() => {
            (name, year.parse::<i16>().ok())
        }
        _ => (text, None),
    };
    let (_, month, day) = HOLIDAYS.iter().find(|(holiday, ..)| *holiday == name)?;
    dated(year, *month, *day, today)
}

/// `24 december 2025`, `december 24th, 2025`, `24th of dec`.
fn with_month_name(text: &str, today: Date) -> Option<Date> {
    let (mut month, mut day, mut year) = (None, None, None);
    for word in words_of(text) {
        let number = ["st", "nd", "rd", "th"]
            .iter()
            .find_map(|ending| word.strip_suffix(ending))
            .unwrap_or(word)
            .parse::<i16>();
        match (month_named(word), number) {
            (Some(named), _) if month.is_none() => month = Some(named),
            (None, Ok(number)) if day.is_none() => day = Some(i8::try_from(number).ok()?),
            (None, Ok(number)) if year.is_none() => year = Some(number),
            _ if ["of", "the"].contains(&word) || weekday(word).is_some() => {}
            _ => return None,
        }
    }
    dated(year, month?, day?, today)
}

fn month_named(word: &str) -> Option<i8> {
    let is_short = word.len() == 3 || word == "sept";
    let matches = |month: &str| month == word || (is_short && month.starts_with(word));
    let index = MONTHS.iter().position(|month| matches(month))?;
    i8::try_from(index + 1).ok()
}

fn dated(year: Option<i16>, month: i8, day: i8, today: Date) -> Option<Date> {
    if let Some(year) = year {
        return Date::new(year, month, day).ok();
    }
    // Up to eight years lie between two 29ths of February.
    (0..=8)
        .filter_map(|later| Date::new(today.year().checked_add(later)?, month, day).ok())
        .find(|date| *date >= today)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date as day;

    fn parsed(text: &str) -> Option<Date> {
        parse(text, day(2025, 7, 1))
    }

    #[test]
    fn dates_are_read_however_they_are_written() {
        for text in [
            "2025-12-24",
            "24 December 2025",
            "December 24th, 2025",
            "the 24th of Dec 2025",
            "Wednesday, 24 December 2025",
            "24.12.2025",
            "12/24/2025",
            "24/12/2025",
            "Dec 24",
            "Christmas Eve",
        ] {
            assert_eq!(parsed(text), Some(day(2025, 12, 24)), "{text}");
        }
    }

    #[test]
    fn a_date_without_a_year_is_the_next_one() {
        assert_eq!(parsed("1 July"), Some(day(2025, 7, 1)));
        assert_eq!(parsed("30 June"), Some(day(2026, 6, 30)));
        assert_eq!(parsed("29 Feb"), Some(day(2028, 2, 29)));
        assert_eq!(parsed("New Year 2030"), Some(day(2030, 1, 1)));
        assert_eq!(parsed("friday"), Some(day(2025, 7, 4)));
    }

    #[test]
    fn what_is_ambiguous_or_impossible_is_no_date() {
        for text in [
            "03/04/2025",
            "31 February 2025",
            "mayor",
            "12",
            "",
            "2025-13-01",
        ] {
            assert_eq!(parsed(text), None, "{text}");
        }
    }
}
