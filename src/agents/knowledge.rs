//! An agent that answers from a folder of documents, word for word and with their sources.
//!
//! It never makes anything up: every answer is a passage of a Markdown or text file, or says that
//! nothing matches. Files may be edited, added and deleted at any time; the next search sees it.
//! A folder that is missing or cannot be read counts as empty, makes the agent unhealthy, and is
//! picked up as soon as it can be read.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::task::spawn_blocking;

use crate::words::{Agent, AgentContext, AgentError, LifeContext, Reply, Task};

mod answer;
mod folder;
mod index;
mod library;
mod outline;
mod passage;
mod pieces;
mod question;

use answer::reply;
use index::Hit;
use library::{Catalogue, Library, unreadable};

/// How long the folder is taken to be as it was last seen.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Where a [`KnowledgeAgent`] looks, and how much it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnowledgeConfig {
    /// The folder of documents: `.md`, `.markdown` and `.txt`, at any depth.
    pub path: PathBuf,
    /// The most passages in a reply; 0 counts as 1.
    pub max_passages: usize,
}

impl KnowledgeConfig {
    /// How many passages a reply has at most, where nothing else is said.
    pub const DEFAULT_MAX_PASSAGES: usize = 3;

    /// A configuration for this folder with [`DEFAULT_MAX_PASSAGES`](Self::DEFAULT_MAX_PASSAGES).
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            max_passages: Self::DEFAULT_MAX_PASSAGES,
        }
    }
}

/// Answers questions with passages from a folder of documents.
///
/// The reply's content is the best passage and its source; `data.passages` has the best few, each
/// with `text`, `source` (`path` relative to the folder, `heading` or null, `line` from 1) and
/// `score`.
///
/// ```
/// use std::time::{Duration, Instant};
/// use agent_orchestrator::agents::knowledge::{KnowledgeAgent, KnowledgeConfig};
/// use agent_orchestrator::{Agent, AgentContext, RequestId, Task};
///
/// # actix_rt::System::new().block_on(async {
/// let librarian = KnowledgeAgent::new(KnowledgeConfig::new("config/knowledge"));
/// let cx = AgentContext::new(
///     "kb_librarian",
///     RequestId::new(),
///     Instant::now() + Duration::from_secs(5),
/// );
/// let reply = librarian.handle(Task::new("What is a circuit breaker?"), &cx).await?;
/// assert!(reply.content.contains("Source: circuit-breaker.md"));
/// # Ok::<(), agent_orchestrator::AgentError>(())
/// # }).unwrap();
/// ```
#[derive(Debug)]
pub struct KnowledgeAgent {
    config: KnowledgeConfig,
    look_every: Duration,
    library: Arc<Mutex<Library>>,
}

impl KnowledgeAgent {
    /// An agent that has not looked at its folder yet.
    #[must_use]
    pub fn new(config: KnowledgeConfig) -> Self {
        Self {
            library: Arc::new(Mutex::new(Library::new(config.path.clone()))),
            look_every: LOOK_EVERY,
            config,
        }
    }

    /// The library, after a look at the folder where the last one is too long ago. Whoever asks
    /// meanwhile waits for that look; when nobody does any more, it is still finished.
    async fn catalogue(&self) -> Result<Catalogue, AgentError> {
        let mut library = Arc::clone(&self.library).lock_owned().await;
        if library.looked_within(self.look_every) {
            return Ok(library.catalogue());
        }
        self.blocking(move || library.refresh().map(|()| library.catalogue()))
            .await
    }

    async fn search(&self, task: Task) -> Result<(Catalogue, Vec<Hit>), AgentError> {
        let catalogue = self.catalogue().await?;
        let limit = self.config.max_passages;
        self.blocking(move || {
            let hits = catalogue.search(&task.content, limit)?;
            Ok((catalogue, hits))
        })
        .await
    }

    /// Works on a thread that may block: this one belongs to other agents, too.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> tantivy::Result<T> + Send + 'static,
    ) -> Result<T, AgentError> {
        let result = spawn_blocking(work).await;
        let result = result.map_err(|error| self.failure(&error))?;
        result.map_err(|error| self.failure(&error))
    }

    fn failure(&self, error: &dyn std::error::Error) -> AgentError {
        AgentError::failure(format!(
            "the index of the knowledge folder {} failed: {error}",
            self.config.path.display()
        ))
    }
}

impl Agent for KnowledgeAgent {
    async fn handle(&self, task: Task, _cx: &AgentContext) -> Result<Reply, AgentError> {
        let (catalogue, hits) = self.search(task).await?;
        Ok(reply(&catalogue, &hits))
    }

    async fn started(&mut self, _: &LifeContext) -> Result<(), AgentError> {
        self.catalogue().await.map(drop)
    }

    async fn health(&self) -> Result<(), AgentError> {
        let path = self.config.path.clone();
        let checked = self.blocking(move || Ok(folder::check(&path))).await?;
        checked.map_err(|error| AgentError::failure(unreadable(&self.config.path, &error)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AgentErrorKind, RequestId};
    use serde_json::{Value, json};
    use std::fs;
    use std::path::Path;
    use std::time::Instant;
    use tempfile::{TempDir, tempdir};

    fn cx() -> AgentContext {
        let deadline = Instant::now() + Duration::from_mins(1);
        AgentContext::new("kb_librarian", RequestId::new(), deadline)
    }

    fn watchful(path: &Path) -> KnowledgeAgent {
        KnowledgeAgent {
            look_every: Duration::ZERO,
            ..KnowledgeAgent::new(KnowledgeConfig::new(path))
        }
    }

    fn folder_with(files: &[(&str, &str)]) -> TempDir {
        let folder = tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        folder
    }

    async fn ask(agent: &KnowledgeAgent, question: &str) -> Reply {
        agent.handle(Task::new(question), &cx()).await.unwrap()
    }

    #[actix_rt::test]
    async fn the_best_passage_is_quoted_with_its_source() {
        let text = "# Birds\n\n## Herons\n\nA heron waits.\n\n## Cranes\n\nThey dance.\n";
        let folder = folder_with(&[("sub/birds.md", text)]);
        let agent = watchful(folder.path());
        agent.catalogue().await.unwrap();
        let reply = ask(&agent, "What does a heron do?").await;
        assert_eq!(
            reply.content,
            "A heron waits.\n\nSource: sub/birds.md, \"Birds > Herons\" (line 5)"
        );
        let passage = &reply.data["passages"][0];
        assert_eq!(passage["text"], "A heron waits.");
        assert_eq!(
            passage["source"],
            json!({"path": "sub/birds.md", "heading": "Birds > Herons", "line": 5})
        );
        assert!(passage["score"].as_f64().unwrap() > 0.0);
    }

    #[actix_rt::test]
    async fn a_text_file_has_no_heading_to_cite() {
        let folder = folder_with(&[("a.txt", "one\n\nheron\n")]);
        let reply = ask(&watchful(folder.path()), "heron").await;
        assert_eq!(reply.content, "heron\n\nSource: a.txt (line 3)");
        assert_eq!(reply.data["passages"][0]["source"]["heading"], Value::Null);
    }

    #[actix_rt::test]
    async fn no_more_passages_than_configured() {
        let folder = folder_with(&[("a.txt", "heron 1\n\nheron 2\n\nheron 3\n\nheron 4\n")]);
        let mut agent = watchful(folder.path());
        let count = |reply: Reply| reply.data["passages"].as_array().unwrap().len();
        assert_eq!(count(ask(&agent, "heron").await), 3);
        agent.config.max_passages = 2;
        assert_eq!(count(ask(&agent, "heron").await), 2);
    }

    #[actix_rt::test]
    async fn finding_nothing_is_an_answer() {
        let folder = folder_with(&[("a.md", "heron"), ("b.md", "crane")]);
        let reply = ask(&watchful(folder.path()), "What is an elephant?").await;
        assert_eq!(reply.content, "Nothing in 2 documents matches.");
        assert_eq!(reply.data["passages"], json!([]));
    }

    #[actix_rt::test]
    async fn edits_are_found_without_a_restart() {
        let folder = folder_with(&[("a.md", "heron")]);
        let agent = watchful(folder.path());
        agent.catalogue().await.unwrap();
        fs::write(folder.path().join("a.md"), "a crane instead").unwrap();
        assert!(ask(&agent, "crane").await.content.starts_with("a crane"));
        assert!(ask(&agent, "heron").await.content.starts_with("Nothing"));
    }

    #[actix_rt::test]
    async fn a_recent_look_is_not_repeated() {
        let folder = folder_with(&[("a.md", "heron")]);
        let agent = KnowledgeAgent {
            look_every: Duration::from_hours(1),
            ..watchful(folder.path())
        };
        assert!(ask(&agent, "heron").await.content.starts_with("heron"));
        fs::write(folder.path().join("a.md"), "a crane instead").unwrap();
        assert!(ask(&agent, "heron").await.content.starts_with("heron"));
    }

    #[actix_rt::test]
    async fn a_missing_folder_is_unhealthy_and_picked_up_when_it_appears() {
        let parent = tempdir().unwrap();
        let path = parent.path().join("later");
        let agent = watchful(&path);
        agent.catalogue().await.unwrap();

        let error = agent.health().await.unwrap_err();
        assert_eq!(error.kind(), AgentErrorKind::Failure);
        assert!(error.message().contains(&path.display().to_string()));
        let reply = ask(&agent, "heron").await;
        assert!(
            reply
                .content
                .starts_with("Nothing in 0 documents matches: ")
        );
        assert!(reply.content.contains(&path.display().to_string()));

        fs::create_dir(&path).unwrap();
        fs::write(path.join("a.md"), "heron").unwrap();
        agent.health().await.unwrap();
        assert!(ask(&agent, "heron").await.content.starts_with("heron"));
    }

    #[actix_rt::test]
    async fn many_may_ask_at_once_while_files_change() {
        let folder = folder_with(&[("a.md", "heron"), ("b.md", "crane")]);
        let agent = watchful(folder.path());
        for round in 0..5 {
            fs::write(folder.path().join("c.md"), "stork ".repeat(round + 1)).unwrap();
            let asked = ["heron", "crane", "stork"].repeat(5);
            let answers = asked.iter().map(|question| ask(&agent, question));
            let replies = futures::future::join_all(answers).await;
            for (question, reply) in asked.iter().zip(replies) {
                assert!(reply.content.starts_with(question), "{}", reply.content);
            }
        }
    }

    #[actix_rt::test]
    async fn an_abandoned_question_leaves_the_agent_well() {
        let folder = folder_with(&[("a.md", "heron")]);
        let agent = watchful(folder.path());
        let context = cx();
        let mut abandoned = Box::pin(agent.handle(Task::new("heron"), &context));
        assert!(futures::poll!(&mut abandoned).is_pending());
        drop(abandoned);
        assert!(ask(&agent, "heron").await.content.starts_with("heron"));
    }

    async fn shipped(question: &str) -> (String, Reply) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/knowledge");
        let reply = ask(&watchful(&folder), question).await;
        let path = &reply.data["passages"][0]["source"]["path"];
        (path.as_str().unwrap_or_default().to_owned(), reply)
    }

    #[actix_rt::test]
    async fn the_shipped_documents_say_what_a_circuit_breaker_is() {
        let (path, reply) = shipped("what is a circuit breaker?").await;
        assert_eq!(path, "circuit-breaker.md");
        assert!(
            reply.content.starts_with("A circuit breaker is"),
            "{}",
            reply.content
        );
        assert!(
            reply
                .content
                .ends_with("Source: circuit-breaker.md, \"Circuit breaker\" (line 3)")
        );
    }

    #[actix_rt::test]
    async fn the_shipped_documents_answer_what_their_readers_ask() {
        for (question, expected) in [
            ("How does the circuit breaker work?", "circuit-breaker.md"),
            ("What does half-open mean?", "circuit-breaker.md"),
            (
                "What is the default recovery timeout?",
                "circuit-breaker.md",
            ),
            ("which restart policies are there", "supervision.md"),
            (
                "what happens to queued tasks when an agent crashes?",
                "supervision.md",
            ),
            ("Explain least_connections", "load-balancing.md"),
            ("how is a request routed to an agent", "routing.md"),
            ("What is the fallback agent?", "routing.md"),
            (
                "Which environment variable selects the Redis backend?",
                "configuration.md",
            ),
            ("How do I check my configuration?", "configuration.md"),
            (
                "How do I write an agent in Python over HTTP?",
                "writing-an-agent.md",
            ),
            ("How long is the state of a request kept?", "state.md"),
        ] {
            let (path, reply) = shipped(question).await;
            assert_eq!(path, expected, "{question}: {}", reply.content);
        }
    }
}
