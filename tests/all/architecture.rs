//! What the design forbids, read from the sources: who may import whom, and what no file may do.

use std::fmt;
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

/// A line of a source file, without its comment, its tests left out.
struct Line {
    file: PathBuf,
    number: usize,
    code: String,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (file, code) = (self.file.display(), self.code.trim());
        write!(f, "src/{file}:{}: {code}", self.number)
    }
}

impl Line {
    /// The room of the house that the file is in: the first part of its path.
    fn room(&self) -> &str {
        let first = self.file.iter().next().unwrap().to_str().unwrap();
        first.trim_end_matches(".rs")
    }

    fn is_in(&self, rooms: &[&str]) -> bool {
        rooms.contains(&self.room())
    }

    /// Whether the word stands in the line by itself, and not as a part of another or of a path.
    fn has(&self, word: &str) -> bool {
        let part = |c: char| c.is_alphanumeric() || "_:.".contains(c);
        let mut found = self.code.match_indices(word);
        found.any(|(at, _)| !self.code[..at].ends_with(part))
    }

    /// The rooms that the line reaches into.
    fn imports(&self) -> Vec<&str> {
        let paths = self.code.split("crate::").skip(1);
        let ends = |c: char| !c.is_alphanumeric() && c != '_';
        paths.filter_map(|path| path.split(ends).next()).collect()
    }
}

fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// All source files, each as its lines.
fn files() -> Vec<Vec<Line>> {
    let entries = WalkDir::new(sources()).sort_by_file_name().into_iter();
    let files = entries.map(|entry| entry.unwrap().into_path());
    let files = files.filter(|path| path.extension().is_some_and(|end| end == "rs"));
    let files = files.filter(|path| {
        !path
            .iter()
            .any(|part| part == "tests" || part == "tests.rs")
    });
    let files: Vec<_> = files.map(|path| lines(&path)).collect();
    assert!(files.len() > 50, "the sources are somewhere else");
    files
}

/// The lines of a file up to its tests, which come last.
fn lines(path: &Path) -> Vec<Line> {
    let text = std::fs::read_to_string(path).unwrap();
    let code = |line: &str| {
        let comment = line.trim_start().starts_with("//");
        let code = line.split(" // ").next().unwrap_or_default();
        if comment {
            String::new()
        } else {
            code.to_owned()
        }
    };
    let lines = text.lines().take_while(|line| *line != "#[cfg(test)]");
    let line = |(index, line)| Line {
        file: path.strip_prefix(sources()).unwrap().to_owned(),
        number: index + 1,
        code: code(line),
    };
    lines.enumerate().map(line).collect()
}

/// No line of any source file may be like this.
fn assert_never(rule: &str, breaks: impl Fn(&Line) -> bool) {
    let broken: Vec<String> = files()
        .into_iter()
        .flatten()
        .filter(breaks)
        .map(|line| line.to_string())
        .collect();
    assert!(broken.is_empty(), "{rule}\n{}", broken.join("\n"));
}

/// On which floor a room is; agents live beside the house and see little of it.
fn floor(room: &str) -> Option<u32> {
    let floors: &[&[&str]] = &[
        &["words"],
        &["judgement"],
        &["store", "llm"],
        &["mailbox"],
        &["supervision"],
        &["balancing", "routing", "telemetry"],
        &["pipeline"],
        &["http"],
        &["settings"],
        &["app"],
        &["testkit"],
        &["cli", "main", "lib"],
    ];
    let floor = floors.iter().position(|rooms| rooms.contains(&room))?;
    u32::try_from(floor).ok()
}

#[test]
fn every_room_has_a_floor() {
    assert_never("a room that is not in the plan", |line| {
        floor(line.room()).is_none() && line.room() != "agents"
    });
}

#[test]
fn a_file_imports_only_from_its_own_room_and_from_floors_below() {
    assert_never("imports from beside or above", |line| {
        let own = floor(line.room());
        let forbidden = |room: &&str| match (own, floor(room)) {
            (Some(own), Some(other)) => other >= own && *room != line.room(),
            (Some(_), None) => !line.is_in(&["app", "settings", "cli", "main", "lib"]),
            (None, _) => false,
        };
        !line.is_in(&["lib"]) && line.imports().iter().any(forbidden)
    });
}

#[test]
fn agents_know_the_words_and_how_they_are_described_and_nothing_else() {
    let known = ["agents", "words", "judgement", "llm", "supervision"];
    assert_never("agents import what they should not know", |line| {
        line.is_in(&["agents"]) && line.imports().iter().any(|room| !known.contains(room))
    });
    assert_never("agents import more of supervision than the spec", |line| {
        let import = "use crate::supervision::";
        let import = line
            .code
            .trim()
            .strip_prefix(import)
            .filter(|_| line.is_in(&["agents"]));
        import.is_some_and(|names| !names.contains("AgentSpec"))
    });
}

#[test]
fn nothing_but_tests_uses_the_test_kit() {
    assert_never("the test kit in production", |line| {
        !line.is_in(&["testkit"]) && line.imports().contains(&"testkit")
    });
}

#[test]
fn judgement_is_pure() {
    let impure = [
        "actix",
        "actix_rt::",
        "tokio::",
        "Instant::now",
        "SystemTime::now",
        "Timestamp::now",
        "fastrand::",
        "async ",
    ];
    assert_never("judgement waits, reads a clock or rolls dice", |line| {
        line.is_in(&["judgement"]) && impure.iter().any(|word| line.has(word))
    });
}

#[test]
fn the_redis_crate_is_known_to_the_redis_store_alone() {
    assert_never("redis outside of its store", |line| {
        let foreign = line.has("redis::") && !line.code.contains("mod redis");
        foreign && !line.file.starts_with("store/redis") && line.file != Path::new("store/redis.rs")
    });
}

#[test]
fn only_agents_speak_http_to_others() {
    assert_never("reqwest outside of agents", |line| {
        line.has("reqwest::") && !line.is_in(&["agents", "llm"])
    });
}

#[test]
fn only_the_http_side_and_the_application_know_the_web_framework() {
    assert_never("actix_web outside of http and app", |line| {
        line.has("actix_web::") && !line.is_in(&["http", "app", "main", "cli"])
    });
}

#[test]
fn only_the_settings_read_configuration_files() {
    assert_never("the crate config outside of settings", |line| {
        line.code.trim().starts_with("use config::") && !line.is_in(&["settings"])
    });
    assert_never("the environment is read outside of settings", |line| {
        line.code.contains("env::var") && !line.is_in(&["settings"])
    });
}

#[test]
fn a_file_has_at_most_300_lines_before_its_tests() {
    let long = files().into_iter().filter(|lines| lines.len() > 300);
    let long: Vec<String> = long
        .map(|lines| format!("src/{}: {} lines", lines[0].file.display(), lines.len()))
        .collect();
    assert!(
        long.is_empty(),
        "files that are too long:\n{}",
        long.join("\n")
    );
}

#[test]
fn nothing_panics_for_want_of_an_answer_and_nothing_is_left_for_later() {
    let sloppy = [".unwrap()", "todo!", "unimplemented!", "dbg!"];
    assert_never("unwrap, todo, unimplemented or dbg", |line| {
        sloppy.iter().any(|word| line.code.contains(word))
    });
}

#[test]
fn directories_have_a_file_of_their_name_beside_them() {
    assert_never("mod.rs", |line| line.file.ends_with("mod.rs"));
}

#[test]
fn panics_unwind_in_every_profile() {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    let manifest = std::fs::read_to_string(manifest).unwrap();
    for (number, line) in manifest.lines().enumerate() {
        let setting: String = line.chars().filter(|c| !c.is_whitespace()).collect();
        let aborts = setting.starts_with("panic=") && setting.contains("abort");
        assert!(!aborts, "Cargo.toml:{}: {line}", number + 1);
    }
}
