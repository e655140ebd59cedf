//! Redis behind passwords and TLS.

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::client::Client;
use crate::support::config::{CHAT, agents};
use crate::support::redis::{RedisServer, free_port};
use crate::support::server::{Process, until};

const PASSWORD: &str = "s3cret";

/// A certificate authority, and a certificate of it for `localhost`, as files.
fn certificates() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let authority_key = KeyPair::generate().unwrap();
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let itself = authority.self_signed(&authority_key).unwrap();
    let issuer = Issuer::new(authority, authority_key);
    let key = KeyPair::generate().unwrap();
    let server = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let server = server.signed_by(&key, &issuer).unwrap();
    for (name, text) in [
        ("authority.pem", itself.pem()),
        ("server.pem", server.pem()),
        ("server.key", key.serialize_pem()),
    ] {
        std::fs::write(directory.path().join(name), text).unwrap();
    }
    directory
}

/// A process that keeps its state there, and a client of it.
fn scene(redis: &str, more: &[(&str, &str)]) -> (Process, Client, TempDir) {
    let config = agents(&[CHAT]);
    let variables = [
        ("ORCHESTRATOR__STATE__BACKEND", "redis"),
        ("ORCHESTRATOR__STATE__REDIS__URL", redis),
    ];
    let variables = [&variables, more].concat();
    let process = Process::orchestrator(config.path(), &variables);
    let client = Client::of(&process);
    (process, client, config)
}

async fn assert_kept(client: &Client) {
    let id = client.ask_async(&json!({"content": "hello"})).await;
    assert_eq!(id.status, 202, "{}", id.text);
    let id = id.request_id();
    until("it is done", async || {
        client.record(id).await.json(200)["status"] == "succeeded"
    })
    .await;
    assert_eq!(client.state_health().await["status"], "healthy");
}

/// Requests are answered all the same; why nothing is kept is said, without the password.
async fn assert_not_kept(client: &Client) -> Value {
    client.say("hello").await.json(200);
    let health = client.state_health().await;
    assert_eq!(health["status"], "unavailable");
    assert!(!health.to_string().contains(PASSWORD), "{health}");
    health["error"].clone()
}

#[actix_rt::test]
async fn a_password_opens_what_it_protects() {
    let redis = RedisServer::start_with(&["--requirepass", PASSWORD]);
    let host = format!("127.0.0.1:{}", redis.port());
    let (_process, client, _config) = scene(&format!("redis://:{PASSWORD}@{host}"), &[]);
    assert_kept(&client).await;
    for url in [format!("redis://{host}"), format!("redis://:wrong@{host}")] {
        let (_process, client, _config) = scene(&url, &[]);
        let error = assert_not_kept(&client).await;
        assert!(
            error
                .as_str()
                .unwrap()
                .contains("check the user and the password"),
            "{error}"
        );
    }
}

/// Has a server listen there, too, and show the certificate.
fn over_tls(files: &TempDir, port: u16) -> Vec<(&'static str, String)> {
    let file = |name: &str| files.path().join(name).display().to_string();
    vec![
        ("tls-port", port.to_string()),
        ("tls-cert-file", file("server.pem")),
        ("tls-key-file", file("server.key")),
        ("tls-ca-cert-file", file("authority.pem")),
        ("tls-auth-clients", "no".to_owned()),
    ]
}

/// A server with the password that listens there over TLS.
fn start_over_tls(files: &TempDir, port: u16) -> RedisServer {
    let mut arguments = vec!["--requirepass".to_owned(), PASSWORD.to_owned()];
    for (name, value) in over_tls(files, port) {
        arguments.extend([format!("--{name}"), value]);
    }
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    RedisServer::start_with(&arguments)
}

#[actix_rt::test]
async fn over_tls_only_a_server_that_can_show_who_it_is_is_believed() {
    let (files, port) = (certificates(), free_port());
    let _redis = start_over_tls(&files, port);
    let authority = files.path().join("authority.pem").display().to_string();
    let trusting = [("SSL_CERT_FILE", authority.as_str())];
    let url = |host: &str| format!("rediss://:{PASSWORD}@{host}:{port}");
    let (_process, client, _config) = scene(&url("localhost"), &trusting);
    assert_kept(&client).await;

    let (_process, client, _config) = scene(&url("127.0.0.1"), &trusting);
    assert_not_kept(&client).await;
    let (_process, client, _config) = scene(&url("localhost"), &[]);
    assert_not_kept(&client).await;
}

#[actix_rt::test]
async fn sentinels_have_a_password_of_their_own_and_are_asked_over_tls_as_well() {
    const OF_SENTINELS: &str = "t0p%25s3cret";
    let (files, port, sentinel_port) = (certificates(), free_port(), free_port());
    let _redis = start_over_tls(&files, port);
    let listening = over_tls(&files, sentinel_port).into_iter();
    let listening: String = listening
        .map(|(name, value)| [name, " ", &value, "\n"].concat())
        .collect();
    let _sentinel = RedisServer::start_sentinel(&format!(
        "{listening}\
         tls-replication yes\n\
         requirepass t0p%s3cret\n\
         sentinel resolve-hostnames yes\n\
         sentinel announce-hostnames yes\n\
         sentinel monitor main localhost {port} 1\n\
         sentinel auth-pass main {PASSWORD}\n"
    ));
    let authority = files.path().join("authority.pem").display().to_string();
    let trusting = [("SSL_CERT_FILE", authority.as_str())];
    let url = |sentinels: &str| {
        let hosts = format!("localhost:{sentinel_port}");
        format!("rediss+sentinel://:{PASSWORD}@{hosts}/main{sentinels}")
    };
    let login = format!("?sentinel_password={OF_SENTINELS}");
    let (_process, client, _config) = scene(&url(&login), &trusting);
    assert_kept(&client).await;

    for sentinels in ["", "?sentinel_password=wrong-s3cret"] {
        let (_process, client, _config) = scene(&url(sentinels), &trusting);
        let error = assert_not_kept(&client).await;
        assert!(
            error
                .as_str()
                .unwrap()
                .contains("check the user and the password"),
            "{error}"
        );
    }
    let (_process, client, _config) = scene(&url(&login), &[]);
    assert_not_kept(&client).await;
}
