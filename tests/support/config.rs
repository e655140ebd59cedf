//! Configuration directories of a test's own.

use tempfile::TempDir;

/// A directory with an `agents.yaml` of these entries, each a line.
pub(crate) fn agents(entries: &[&str]) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let entries: Vec<String> = entries.iter().map(|it| format!("  - {it}\n")).collect();
    let file = format!("agents:\n{}", entries.concat());
    std::fs::write(directory.path().join("agents.yaml"), file).unwrap();
    directory
}

/// The entry of the agent that greets, which is also the fallback.
pub(crate) const CHAT: &str = "{name: chat_agent, kind: builtin}";
