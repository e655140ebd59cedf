//! The command line: see `agent-orchestrator --help`.
#![forbid(unsafe_code)]

mod cli;

use std::process::ExitCode;

/// What one thread allocates another often frees here, which this allocator does quickly.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cli::run()
}
