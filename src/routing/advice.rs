//! What a language model is asked when rules and classifier are unsure, and what is made of its answer.

mod adviser;
mod answer;
mod prompt;

pub use adviser::AdviceConfig;
pub(crate) use adviser::Adviser;
pub(super) use adviser::Consultation;
