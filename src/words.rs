//! The words everything else is said in: what is asked, what is answered, who answers.
//!
//! This is the ground floor. It decides nothing and waits for nothing; every other module may
//! speak these words, and they speak of none of the modules above.

mod agent;
mod breaker_state;
mod context;
mod error;
mod event;
mod exit;
mod fault;
mod hex;
mod ids;
mod json;
mod keyword;
mod life;
mod reply;
mod sign;
mod task;
mod time;

pub use agent::{Agent, AgentCard};
pub use breaker_state::BreakerState;
pub use context::{AgentContext, Listener};
pub use error::{AgentError, AgentErrorKind};
pub use event::{Consequence, LifeEvent, RequestEvent};
pub use exit::ExitReason;
pub use fault::{Fault, Reader, nearest};
pub(crate) use hex::hex;
pub use ids::{AgentName, Generation, InstanceId, RequestId, SessionId, name_fault};
pub(crate) use json::{to_json, to_json_with};
pub use keyword::{Keyword, Pattern};
pub use life::LifeContext;
pub use reply::Reply;
pub use sign::Sign;
pub use task::{Ask, PreviousResult, Role, Task, Turn};
pub use time::{milliseconds, seconds};
