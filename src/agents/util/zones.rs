//! Time zones by the names people have for them: cities, countries, abbreviations, offsets.
//!
//! The bundled IANA database decides, whatever the machine has installed; a table of aliases adds
//! what it lacks. Abbreviations such as EST mean the zone where they are used, summer or winter.

use jiff::tz::{Offset, TimeZone, TimeZoneDatabase};

use super::question::{without_openings, words_of};
use crate::words::nearest;

const ALIASES: &[(&str, &str)] = &[
    ("utc", "UTC"),
    ("gmt", "Etc/GMT"),
    ("z", "UTC"),
    ("zulu", "UTC"),
    ("et", "America/New_York"),
    ("est", "America/New_York"),
    ("edt", "America/New_York"),
    ("eastern", "America/New_York"),
    ("ct", "America/Chicago"),
    ("cst", "America/Chicago"),
    ("cdt", "America/Chicago"),
    ("mst", "America/Denver"),
    ("mdt", "America/Denver"),
    ("pt", "America/Los_Angeles"),
    ("pst", "America/Los_Angeles"),
    ("pdt", "America/Los_Angeles"),
    ("pacific", "America/Los_Angeles"),
    ("bst", "Europe/London"),
    ("cet", "Europe/Berlin"),
    ("cest", "Europe/Berlin"),
    ("eet", "Europe/Athens"),
    ("eest", "Europe/Athens"),
    ("msk", "Europe/Moscow"),
    ("ist", "Asia/Kolkata"),
    ("jst", "Asia/Tokyo"),
    ("kst", "Asia/Seoul"),
    ("sgt", "Asia/Singapore"),
    ("hkt", "Asia/Hong_Kong"),
    ("aest", "Australia/Sydney"),
    ("aedt", "Australia/Sydney"),
    ("nzst", "Pacific/Auckland"),
    ("nyc", "America/New_York"),
    ("new york city", "America/New_York"),
    ("washington", "America/New_York"),
    ("washington dc", "America/New_York"),
    ("boston", "America/New_York"),
    ("miami", "America/New_York"),
    ("philadelphia", "America/New_York"),
    ("atlanta", "America/New_York"),
    ("houston", "America/Chicago"),
    ("dallas", "America/Chicago"),
    ("austin", "America/Chicago"),
    ("la", "America/Los_Angeles"),
    ("san francisco", "America/Los_Angeles"),
    ("san diego", "America/Los_Angeles"),
    ("las vegas", "America/Los_Angeles"),
    ("seattle", "America/Los_Angeles"),
    ("portland", "America/Los_Angeles"),
    ("silicon valley", "America/Los_Angeles"),
    ("california", "America/Los_Angeles"),
    ("hawaii", "Pacific/Honolulu"),
    ("montreal", "America/Toronto"),
    ("ottawa", "America/Toronto"),
    ("rio de janeiro", "America/Sao_Paulo"),
    ("rio", "America/Sao_Paulo"),
    ("brasilia", "America/Sao_Paulo"),
    ("são paulo", "America/Sao_Paulo"),
    ("uk", "Europe/London"),
    ("england", "Europe/London"),
    ("scotland", "Europe/London"),
    ("edinburgh", "Europe/London"),
    ("manchester", "Europe/London"),
    ("france", "Europe/Paris"),
    ("lyon", "Europe/Paris"),
    ("germany", "Europe/Berlin"),
    ("munich", "Europe/Berlin"),
    ("münchen", "Europe/Berlin"),
    ("frankfurt", "Europe/Berlin"),
    ("hamburg", "Europe/Berlin"),
    ("cologne", "Europe/Berlin"),
    ("austria", "Europe/Vienna"),
    ("switzerland", "Europe/Zurich"),
    ("geneva", "Europe/Zurich"),
    ("zürich", "Europe/Zurich"),
    ("italy", "Europe/Rome"),
    ("milan", "Europe/Rome"),
    ("spain", "Europe/Madrid"),
    ("barcelona", "Europe/Madrid"),
    ("netherlands", "Europe/Amsterdam"),
    ("belgium", "Europe/Brussels"),
    ("sweden", "Europe/Stockholm"),
    ("norway", "Europe/Oslo"),
    ("denmark", "Europe/Copenhagen"),
    ("finland", "Europe/Helsinki"),
    ("greece", "Europe/Athens"),
    ("ireland", "Europe/Dublin"),
    ("ukraine", "Europe/Kyiv"),
    ("saint petersburg", "Europe/Moscow"),
    ("india", "Asia/Kolkata"),
    ("mumbai", "Asia/Kolkata"),
    ("delhi", "Asia/Kolkata"),
    ("new delhi", "Asia/Kolkata"),
    ("bangalore", "Asia/Kolkata"),
    ("bengaluru", "Asia/Kolkata"),
    ("chennai", "Asia/Kolkata"),
    ("china", "Asia/Shanghai"),
    ("beijing", "Asia/Shanghai"),
    ("shenzhen", "Asia/Shanghai"),
    ("osaka", "Asia/Tokyo"),
    ("kyoto", "Asia/Tokyo"),
    ("south korea", "Asia/Seoul"),
    ("korea", "Asia/Seoul"),
    ("vietnam", "Asia/Ho_Chi_Minh"),
    ("hanoi", "Asia/Ho_Chi_Minh"),
    ("thailand", "Asia/Bangkok"),
    ("philippines", "Asia/Manila"),
    ("pakistan", "Asia/Karachi"),
    ("islamabad", "Asia/Karachi"),
    ("abu dhabi", "Asia/Dubai"),
    ("tel aviv", "Asia/Jerusalem"),
    ("nigeria", "Africa/Lagos"),
    ("kenya", "Africa/Nairobi"),
    ("south africa", "Africa/Johannesburg"),
    ("cape town", "Africa/Johannesburg"),
    ("canberra", "Australia/Sydney"),
    ("new zealand", "Pacific/Auckland"),
    ("wellington", "Pacific/Auckland"),
];

/// No place has a longer name, its regions included; there may be one for each comma.
const LONGEST_NAME: usize = 100;

/// The time zone of a place, an abbreviation, an IANA name or an offset such as `UTC+2`.
pub(super) fn find(place: &str) -> Option<TimeZone> {
    if place.len() > LONGEST_NAME {
        return None;
    }
    let place = tidy(place);
    let aliased = || {
        let (_, name) = ALIASES.iter().find(|(alias, _)| *alias == place)?;
        bundled().get(name).ok()
    };
    offset(&place)
        .or_else(aliased)
        .or_else(|| by_iana_name(&place))
        .or_else(|| find(before_region(&place)?))
}

/// A known place whose name is spelled much like this one.
pub(super) fn suggestion(place: &str) -> Option<String> {
    let place = tidy(place);
    let names: Vec<String> = bundled()
        .available()
        .map(|name| city(name.as_str()))
        .collect();
    let aliases = ALIASES
        .iter()
        .map(|(alias, _)| *alias)
        .filter(|alias| alias.len() > 4);
    let known: Vec<&str> = names.iter().map(String::as_str).chain(aliases).collect();
    let name = nearest(&place, &known)?;
    Some(
        name.split(' ')
            .map(capitalized)
            .collect::<Vec<_>>()
            .join(" "),
    )
}

/// "Paris" of "Paris, France".
fn before_region(place: &str) -> Option<&str> {
    let (city, region) = place.rsplit_once(',')?;
    (words_of(region).count() <= 2).then_some(city)
}

fn bundled() -> TimeZoneDatabase {
    TimeZoneDatabase::bundled()
}

fn by_iana_name(place: &str) -> Option<TimeZone> {
    let name = place.replace(' ', "_");
    let database = bundled();
    database.get(&name).ok().or_else(|| {
        let full = database
            .available()
            .find(|known| city(known.as_str()) == place)?;
        database.get(full.as_str()).ok()
    })
}

/// The last segment of an IANA name, as people write it.
fn city(name: &str) -> String {
    let last = name.rsplit('/').next().unwrap_or(name);
    last.replace('_', " ").to_ascii_lowercase()
}

/// `utc+2`, `gmt-5:30`, `+05:30`.
fn offset(place: &str) -> Option<TimeZone> {
    let digits = ["utc", "gmt"]
        .iter()
        .find_map(|prefix| place.strip_prefix(prefix))
        .unwrap_or(place)
        .trim_start();
    let sign = match digits.chars().next()? {
        '+' => 1,
        '-' => -1,
        _ => return None,
    };
    let (hours, minutes) = digits[1..].split_once(':').unwrap_or((&digits[1..], "0"));
    let hours: i32 = hours.trim().parse().ok().filter(|h| (0..=14).contains(h))?;
    let minutes: i32 = minutes.parse().ok().filter(|m| (0..60).contains(m))?;
    let seconds = sign * (hours * 3600 + minutes * 60);
    Some(TimeZone::fixed(Offset::from_seconds(seconds).ok()?))
}

fn tidy(place: &str) -> String {
    const ENDINGS: [&str; 8] = [
        " right now",
        " now",
        " today",
        " at the moment",
        " currently",
        " local time",
        " timezone",
        " time",
    ];
    let place = without_openings(place, &["the", "city of", "local time in"]).to_lowercase();
    let mut rest = place.trim_matches(|c: char| c.is_whitespace() || "?!.,\"'".contains(c));
    while let Some(shorter) = ENDINGS.iter().find_map(|ending| rest.strip_suffix(ending)) {
        rest = shorter.trim_end();
    }
    rest.to_owned()
}

fn capitalized(word: &str) -> String {
    let mut chars = word.chars();
    let first = chars.next().map(char::to_uppercase);
    first.into_iter().flatten().chain(chars).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(place: &str) -> String {
        find(place).unwrap().iana_name().unwrap().to_owned()
    }

    #[test]
    fn every_alias_is_a_known_zone() {
        for (alias, zone) in ALIASES {
            assert!(find(alias).is_some(), "{alias} means the unknown {zone}");
        }
    }

    #[test]
    fn places_have_zones() {
        assert_eq!(name("Tokyo right now?"), "Asia/Tokyo");
        assert_eq!(name("new york"), "America/New_York");
        assert_eq!(name("asia/kolkata"), "Asia/Kolkata");
        assert_eq!(name("Paris, France"), "Europe/Paris");
        assert_eq!(name("San Francisco"), "America/Los_Angeles");
        assert_eq!(name("the UK"), "Europe/London");
        assert!(find("Atlantis").is_none());
    }

    #[test]
    fn offsets_are_zones_too() {
        let seconds = |place| find(place).unwrap().to_fixed_offset().unwrap().seconds();
        assert_eq!(seconds("UTC+2"), 7200);
        assert_eq!(seconds("gmt-5:30"), -19800);
        assert!(find("UTC+99").is_none());
    }

    #[test]
    fn a_misspelled_city_is_recognized() {
        assert_eq!(suggestion("Tokio").as_deref(), Some("Tokyo"));
        assert_eq!(suggestion("Qqqqq"), None);
    }
}
