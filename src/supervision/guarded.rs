use std::panic::{AssertUnwindSafe, catch_unwind};

use futures::FutureExt;

use crate::words::ExitReason;

/// Runs foreign code that may panic.
///
/// # Errors
/// The end that the panic is. What the code had in its hands is not used any more afterwards, so
/// that it may be in any state.
pub(super) fn guarded<T>(deed: impl FnOnce() -> T) -> Result<T, ExitReason> {
    catch_unwind(AssertUnwindSafe(deed)).map_err(|panic| ExitReason::of_panic(&*panic))
}

/// Waits for foreign code that may panic.
///
/// # Errors
/// As for [`guarded`].
pub(super) async fn guarded_wait<T>(deed: impl Future<Output = T>) -> Result<T, ExitReason> {
    let done = AssertUnwindSafe(deed).catch_unwind().await;
    done.map_err(|panic| ExitReason::of_panic(&*panic))
}
