//! How a process is told to end.

/// Completes at the first SIGINT or SIGTERM from now on. After it a second one ends the process
/// at once.
pub(super) fn told_to_end() -> impl Future<Output = ()> {
    let mut signals = Signals::catch();
    async move {
        signals.next().await;
        actix_rt::spawn(async move {
            signals.next().await;
            log::warn!("told twice to stop: ending at once");
            std::process::exit(130);
        });
    }
}

/// SIGINT and SIGTERM, none of which is missed once this exists.
#[cfg(unix)]
struct Signals(std::io::Result<[tokio::signal::unix::Signal; 2]>);

#[cfg(unix)]
impl Signals {
    fn catch() -> Self {
        use tokio::signal::unix::{SignalKind, signal};
        let terminate = signal(SignalKind::terminate());
        Self(terminate.and_then(|terminate| Ok([terminate, signal(SignalKind::interrupt())?])))
    }

    async fn next(&mut self) {
        match &mut self.0 {
            Ok([terminate, interrupt]) => tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            },
            Err(error) => {
                log::error!("signals cannot be caught ({error}); kill the process to end it");
                std::future::pending::<()>().await;
            }
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn catch() -> Self {
        Self
    }

    async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            log::error!("signals cannot be caught; the process has to be killed to end");
            std::future::pending().await
        }
    }
}
