//! The way of a request: who is asked, in which manner, and what is made of it.

mod admission;
mod failover;
mod parallel;
mod routing;
mod sequence;
