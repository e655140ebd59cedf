use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::words::ExitReason;

/// Runs foreign code that may panic.
///
/// # Errors
/// The end that the panic is. What the code had in its hands is not used any more afterwards, so
/// that it may be in any state.
pub(super) fn guarded<T>(deed: impl FnOnce() -> T) -> Result<T, ExitReason> {
    catch_unwind(AssertUnwindSafe(deed)).map_err(|panic| ExitReason::of_panic(&*panic))
}
