//! What all models that are asked about requests have in common.

use crate::judgement::{BreakerOpen, Outcome};
use crate::llm::LlmError;

/// Why a model is not asked at the moment.
pub(super) fn left_alone(model: &str, open: BreakerOpen) -> String {
    let seconds = open.retry_after.as_secs_f64().ceil();
    format!("the {model} failed too often; it is asked again in {seconds} s")
}

/// What a failed call says of the model.
pub(super) fn outcome(error: &LlmError) -> Outcome {
    match error {
        LlmError::Refused {
            status: 429 | 503,
            retry_after,
            ..
        } => Outcome::Busy {
            retry_after: *retry_after,
        },
        _ => Outcome::Failure,
    }
}
