#![forbid(unsafe_code)]
pub mod words;
pub mod judgement;
pub mod mailbox;
pub mod supervision;
pub use words::*;
pub use judgement::*;
pub use supervision::*;
