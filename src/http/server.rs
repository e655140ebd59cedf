use std::io;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use actix_web::HttpServer;
use log::info;

use super::routes;
use crate::pipeline::Orchestrator;

/// How our own server listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerConfig {
    /// Where it listens: `address:port`; port 0 takes any that is free.
    pub listen: String,
    /// Threads that serve HTTP; 0: as many as there are cores.
    pub workers: usize,
    /// How long requests that are in may take to finish at the end.
    pub shutdown_timeout: Duration,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8080".to_owned(),
            workers: 0,
            shutdown_timeout: Duration::from_secs(30),
        }
    }
}

/// Takes an address to listen at, if it can be meant: `ADDRESS:PORT`.
///
/// # Errors
/// What would be right, for people.
pub fn listen_address(text: &str) -> Result<String, String> {
    let valid = text
        .rsplit_once(':')
        .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok());
    valid
        .then(|| text.to_owned())
        .ok_or_else(|| "expected ADDRESS:PORT, such as 127.0.0.1:8080".to_owned())
}

/// How long connections may take to close once all requests were answered.
const GOODBYE: u64 = 1;

/// Serves the orchestrator until `end` completes, then lets nobody in any more, answers those who
/// are in, and returns.
///
/// # Errors
/// When the address cannot be listened on.
pub async fn serve(
    orchestrator: Orchestrator,
    config: &ServerConfig,
    end: impl Future<Output = ()>,
) -> io::Result<()> {
    let listener = listen(&config.listen)?;
    let address = listener.local_addr()?;
    announce(address);
    let peers = &orchestrator.house().peers;
    peers.listens_at(address.to_string());
    let served = orchestrator.clone();
    let server = HttpServer::new(move || actix_web::App::new().configure(routes(served.clone())))
        .workers(workers(config.workers))
        .h1_allow_half_closed(false)
        .shutdown_timeout(GOODBYE)
        .disable_signals()
        .listen(listener)?
        .run();
    let handle = server.handle();
    let closing = async {
        end.await;
        info!("no new requests are let in; finishing those that are");
        // The server goes on meanwhile, to tell newcomers.
        orchestrator.drain(config.shutdown_timeout).await;
        // What was promised is left to others before its agents end.
        orchestrator.leave_the_rest().await;
        // Whoever is still in is told so by the end of the agents.
        orchestrator.end_agents().await;
        handle.stop(true).await;
    };
    let (served, ()) = futures::future::join(server, closing).await;
    served
}

fn listen(address: &str) -> io::Result<TcpListener> {
    TcpListener::bind(address).map_err(|error| {
        let advice = match error.kind() {
            io::ErrorKind::AddrInUse => "another program listens there; choose another port",
            io::ErrorKind::PermissionDenied => "ports below 1024 need more rights",
            _ => "expected an address of this machine and a port, such as 127.0.0.1:8080",
        };
        let message = format!("cannot listen on {address} (server.listen): {error}; {advice}");
        io::Error::new(error.kind(), message)
    })
}

fn announce(address: SocketAddr) {
    info!("listening on http://{address}");
}

fn workers(configured: usize) -> usize {
    match configured {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        some => some,
    }
}
