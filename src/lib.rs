#![forbid(unsafe_code)]
pub mod words;
pub mod agents;
pub mod store;
pub use words::*;
