//! How a process is told to end.

/// Completes at the first SIGINT or SIGTERM. From then on a second one ends the process at once.
pub(super) async fn told_to_end() {
    signal().await;
    actix_rt::spawn(async {
        signal().await;
        log::warn!("told twice to stop: ending at once");
        std::process::exit(130);
    });
}

#[cfg(unix)]
async fn signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let terminate = signal(SignalKind::terminate());
    let interrupt = signal(SignalKind::interrupt());
    let (Ok(mut terminate), Ok(mut interrupt)) = (terminate, interrupt) else {
        log::error!("signals cannot be caught; the process has to be killed to end");
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

#[cfg(not(unix))]
async fn signal() {
    if tokio::signal::ctrl_c().await.is_err() {
        log::error!("signals cannot be caught; the process has to be killed to end");
        std::future::pending().await
    }
}
