//! Which instance gets the next task, and which is left alone.

mod breakers;
mod pools;
mod shares;
