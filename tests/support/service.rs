//! A remote agent that is a process of its own, and misbehaves as it is told to.
//!
//! The process is the test program itself, which runs one test that is no test unless it is told
//! how to behave.

use std::io;
use std::process::Command;
use std::time::{Duration, Instant};

use actix_web::body::SizedStream;
use actix_web::web::{Bytes, Data};
use actix_web::{App, HttpResponse, HttpServer, rt, web};
use futures::stream;
use serde_json::json;

use super::server::Process;

/// How a remote agent answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    /// As agreed, after some milliseconds.
    Well,
    /// As agreed, but long after anybody waits.
    Slowly,
    /// For a second with an error of its own, for a second as agreed, and so on.
    ByTurns,
    /// Never.
    Never,
    /// With something that is no answer.
    Nonsense,
    /// With half of an answer, and then closes the connection.
    Halfway,
}

const MANNERS: &[(&str, Manner)] = &[
    ("well", Manner::Well),
    ("slowly", Manner::Slowly),
    ("by turns", Manner::ByTurns),
    ("never", Manner::Never),
    ("nonsense", Manner::Nonsense),
    ("halfway", Manner::Halfway),
];

const VARIABLE: &str = "SERVICE_ANSWERS";

impl Manner {
    /// Starts a remote agent of that manner.
    pub(crate) fn start(self) -> Process {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "support::service::serves", "--nocapture"]);
        let name = MANNERS
            .iter()
            .find(|(_, manner)| *manner == self)
            .unwrap()
            .0;
        Process::start(command, &[(VARIABLE, name)])
    }
}

/// Serves, in a process that is told how; does nothing otherwise.
#[test]
fn serves() {
    let Ok(name) = std::env::var(VARIABLE) else {
        return;
    };
    let manner = MANNERS.iter().find(|(known, _)| *known == name).unwrap().1;
    rt::System::new().block_on(async move {
        let shared = Data::new((manner, Instant::now()));
        let app = move || {
            App::new()
                .app_data(shared.clone())
                .default_service(web::post().to(answer))
        };
        let server = HttpServer::new(app).workers(1).bind("127.0.0.1:0").unwrap();
        eprintln!("listening on http://{}", server.addrs()[0]);
        server.run().await.unwrap();
    });
}

async fn answer(shared: Data<(Manner, Instant)>) -> HttpResponse {
    let (manner, since) = **shared;
    let as_agreed = || HttpResponse::Ok().json(json!({"content": "well"}));
    match manner {
        Manner::Well => {
            rt::time::sleep(Duration::from_millis(2)).await;
            as_agreed()
        }
        Manner::Slowly => {
            rt::time::sleep(Duration::from_secs(10)).await;
            as_agreed()
        }
        Manner::ByTurns if since.elapsed().as_secs() % 2 == 0 => {
            HttpResponse::InternalServerError().body("not now")
        }
        Manner::ByTurns => as_agreed(),
        Manner::Never => std::future::pending().await,
        Manner::Nonsense => HttpResponse::Ok().body("<html>welcome</html>"),
        Manner::Halfway => {
            let half = Ok(Bytes::from_static(b"{\"content\": \"we"));
            let cut = Err(io::Error::other("cut"));
            HttpResponse::Ok().body(SizedStream::new(100, stream::iter([half, cut])))
        }
    }
}
