use bytes::Bytes;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::pipeline::{OrchestrationRequest, PipelineConfig, Problem};
use crate::words::{AgentName, RequestId, to_json};

/// A request as it waits in the queue: all that is needed to do it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Order {
    pub request_id: RequestId,
    /// When it was accepted, UTC.
    pub accepted_at: Timestamp,
    /// As `POST /orchestrate` takes it.
    pub body: Value,
    /// The agents that the caller may use; all, where it does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permitted: Option<Vec<AgentName>>,
}

impl Order {
    pub(super) fn new(request_id: RequestId, request: &OrchestrationRequest) -> Self {
        Self {
            request_id,
            accepted_at: Timestamp::now(),
            body: request.to_json(),
            permitted: request.permitted.clone(),
        }
    }

    pub(super) fn read(job: &[u8]) -> serde_json::Result<Self> {
        serde_json::from_slice(job)
    }

    pub(super) fn to_job(&self) -> Bytes {
        to_json(self)
    }

    pub(super) fn request(&self, config: &PipelineConfig) -> Result<OrchestrationRequest, Problem> {
        let request = OrchestrationRequest::from_json(&self.body, config)?;
        Ok(OrchestrationRequest {
            permitted: self.permitted.clone(),
            ..request
        })
    }

    /// What is asked.
    pub(in crate::pipeline) fn question(&self) -> &str {
        self.body["content"].as_str().unwrap_or_default().trim()
    }
}
