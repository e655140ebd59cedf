//! What the router can be told and asked.

use actix::Message;
use serde::Serialize;

use super::embedding::EmbeddingReport;
use super::school::{NoPreviousModel, Version};
use crate::words::{AgentName, RequestId};

/// Looks at the registry now; answered when what follows is published.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Survey;

/// Takes up what was learned before the process began; answered when it is published.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Remember;

/// A user says which agent would have been right for a request.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Learn {
    /// The request.
    pub request: RequestId,
    /// What was asked.
    pub text: String,
    /// Who should have been.
    pub agent: AgentName,
    /// How sure the user was; 1 is ordinary.
    pub weight: f32,
}

/// Tells of the model.
#[derive(Debug, Message)]
#[rtype(result = "ModelReport")]
pub struct Inspect;

/// Goes back to the model before the last corrections; answered when it decides.
#[derive(Debug, Message)]
#[rtype(result = "Result<(), NoPreviousModel>")]
pub struct RollBack;

/// The model that decides, and those before it: the body of `GET /routing/model`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ModelReport {
    /// The one that decides; null where there is nothing to learn from, and rules decide alone.
    pub active: Option<Version>,
    /// How far embeddings are of use; null where no embedding model is configured.
    pub embedding: Option<EmbeddingReport>,
    /// Corrections by users that have not been looked at yet.
    pub pending_corrections: usize,
    /// All that are remembered, the latest first.
    pub versions: Vec<Version>,
}
