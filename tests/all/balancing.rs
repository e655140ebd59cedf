//! Which instance gets the next task, and which is left alone.

mod breakers;
mod figures;
mod pools;
mod shares;
