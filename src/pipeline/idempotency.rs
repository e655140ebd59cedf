//! Requests that are done once, however often they are sent.
//!
//! The first one holds the lease of its key while it is worked on, and what it is answered is written
//! under that lease before the answer is sent. Whoever sends the same again is given that answer.
//!
//! Edges: what may come out differently when it is tried again is not kept: refusals, and problems that
//! are retryable. When the orchestrator ends in the middle, its lease ends soon after, and the key is
//! free. When the store goes away in the middle, the answer is sent all the same, and written as soon
//! as that is possible; until then the key is in use.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::tenure::Tenure;
use super::{ErrorType, Numbered, Orchestrator, Problem};
use crate::store::{Entry, Store, StoreError, idempotency_key};
use crate::words::{RequestId, hex, to_json};

/// How long an answer can be had again.
const KEPT: Duration = Duration::from_secs(86_400);
/// How long, and how often, an answer is offered to a store that is away.
const PATIENCE: Duration = Duration::from_secs(60);
const RETRY: Duration = Duration::from_millis(250);

const LONGEST_KEY: usize = 255;

/// What is known under a key: the request, and what it was answered, once it was.
#[derive(Debug, Serialize, Deserialize)]
struct Entered<A> {
    /// A hash of the request.
    fingerprint: String,
    /// The request that was begun.
    request_id: RequestId,
    /// Whether somebody waits for its answer.
    waits: bool,
    answer: Option<A>,
}

/// An answer, as it was sent.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Known {
    pub status: u16,
    /// The headers that are its own.
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Known {
    /// The answer as the only event of a request.
    pub(crate) fn event(self) -> Numbered {
        let completed = self.status < 400;
        let name = ["request.failed", "request.completed"][usize::from(completed)];
        Numbered {
            number: 1,
            name: name.to_owned(),
            data: self.body.into(),
        }
    }
}

/// What is to be done about a request with a key.
pub(crate) enum Begun {
    /// It is the first.
    First(Once),
    /// It was answered before.
    Again(Known),
}

/// The right to do the request of a key. When it is dropped without an answer, the key is free.
pub(crate) struct Once {
    store: Arc<dyn Store>,
    tenure: Tenure,
    key: String,
    fingerprint: String,
    request_id: RequestId,
    waits: bool,
}

impl Orchestrator {
    /// Begins a request that is to be done once under this key; `waits`, if somebody waits for its answer.
    ///
    /// # Errors
    /// `ValidationError` for what cannot be a key, `IdempotencyKeyInUse`, `IdempotencyKeyMismatch`,
    /// and `StateUnavailable`, for without the state nobody can tell.
    pub(crate) async fn begin_once(
        &self,
        key: &str,
        request: &Value,
        id: RequestId,
        waits: bool,
    ) -> Result<Begun, Problem> {
        check(key)?;
        let key = idempotency_key(key);
        let begun = self.claim(&key, fingerprint(request), id, waits).await;
        begun.map_err(|error| Problem::no_state(&error))?
    }

    async fn claim(
        &self,
        key: &str,
        fingerprint: String,
        mut request_id: RequestId,
        waits: bool,
    ) -> Result<Result<Begun, Problem>, StoreError> {
        let house = self.house();
        let tenure = Tenure::begin(&house.store, key, house.config.lease).await?;
        let entered = house.store.read(key.to_owned()).await?;
        let entered = entered.and_then(|it| serde_json::from_slice::<Entered<Known>>(&it).ok());
        let in_use = tenure.is_err();
        if let Some(entered) = entered {
            // Whoever had begun it may have ended without an answer; then it counts for nothing.
            let counts = in_use || entered.answer.is_some();
            if counts && entered.fingerprint != fingerprint {
                return Ok(Err(mismatch()));
            }
            if let Some(answer) = entered.answer {
                return Ok(Ok(Begun::Again(answer)));
            }
            if entered.fingerprint == fingerprint && !entered.waits && !waits {
                request_id = entered.request_id;
            }
        }
        let Ok(tenure) = tenure else {
            return Ok(Err(in_use_by_another()));
        };
        let once = Once {
            store: Arc::clone(&house.store),
            tenure,
            key: key.to_owned(),
            fingerprint,
            request_id,
            waits,
        };
        // Others who send something else under the key are told at once.
        Ok(if once.enter(None).await? {
            Ok(Begun::First(once))
        } else {
            Err(in_use_by_another())
        })
    }
}

impl Once {
    /// The id of the request, if it is one for which nobody waits: the same as when it was begun before.
    pub(crate) fn request_id(&self) -> RequestId {
        self.request_id
    }

    /// Keeps the answer.
    pub(crate) async fn answered(self, answer: Known) {
        if self.keep(&answer).await.is_err() {
            tokio::spawn(self.answered_later(answer));
            return;
        }
        self.tenure.end().await;
    }

    async fn answered_later(self, answer: Known) {
        let offering = async {
            while self.keep(&answer).await.is_err() {
                tokio::time::sleep(RETRY).await;
            }
        };
        if tokio::time::timeout(PATIENCE, offering).await.is_err() {
            log::warn!("an answer under an idempotency key could not be kept");
        }
    }

    /// Writes the answer, unless somebody else has begun the request meanwhile.
    async fn keep(&self, answer: &Known) -> Result<(), StoreError> {
        while !self.enter(Some(answer)).await? {
            let others = !self.tenure.resume().await?;
            let entered = self.store.read(self.key.clone()).await?;
            let entered = entered.and_then(|it| serde_json::from_slice::<Entered<Known>>(&it).ok());
            let is_ours =
                |it: &Entered<Known>| it.answer.is_none() && it.request_id == self.request_id;
            if others || !entered.as_ref().is_none_or(is_ours) {
                return Ok(());
            }
            self.tenure.confirm();
        }
        Ok(())
    }

    /// Writes what is known; `false` when the lease has ended.
    async fn enter(&self, answer: Option<&Known>) -> Result<bool, StoreError> {
        let entered = Entered {
            fingerprint: self.fingerprint.clone(),
            request_id: self.request_id,
            waits: self.waits,
            answer,
        };
        let entry = Entry::new(self.key.clone(), to_json(&entered), KEPT);
        self.tenure.write(entry).await
    }
}

fn check(key: &str) -> Result<(), Problem> {
    let fits = |c: char| (' '..='~').contains(&c);
    if (1..=LONGEST_KEY).contains(&key.len()) && key.chars().all(fits) {
        return Ok(());
    }
    let detail = format!("the Idempotency-Key has to be 1 to {LONGEST_KEY} printable characters");
    Err(Problem::new(ErrorType::ValidationError, detail))
}

/// The same for requests that say the same, whatever the order of their members and the blanks between.
fn fingerprint(request: &Value) -> String {
    hex(&Sha256::digest(to_json(request)))
}

fn mismatch() -> Problem {
    let detail = "another request was sent under this Idempotency-Key; choose a new key for a new \
                  request";
    Problem::new(ErrorType::IdempotencyKeyMismatch, detail)
}

fn in_use_by_another() -> Problem {
    let detail = "the request of this Idempotency-Key is being worked on; ask again for its answer";
    Problem::new(ErrorType::IdempotencyKeyInUse, detail)
        .retryable(true)
        .retry_after(Duration::from_secs(1))
}
