//! Tests of what a model checker compiles, too, and which therefore do not lie beside it.

mod breaker;
mod window;
