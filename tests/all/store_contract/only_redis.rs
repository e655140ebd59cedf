//! What only a store on a Redis server promises.

use super::*;

#[actix_rt::test]
async fn every_key_begins_with_the_prefix_and_has_an_end() {
    let server = RedisServer::start();
    let store = connected_to(&server.url(), MINUTE);
    put(&store, "key", "value", MINUTE).await;
    put_field(&store, "hash", "field", "value", MINUTE).await;

    let client = ::redis::Client::open(server.url()).unwrap();
    let mut raw = client.get_multiplexed_async_connection().await.unwrap();
    let mut keys: Vec<String> = ::redis::cmd("KEYS")
        .arg("*")
        .query_async(&mut raw)
        .await
        .unwrap();
    keys.sort();
    assert_eq!(keys, ["test:hash", "test:key"]);
    for key in keys {
        let left: u64 = ::redis::cmd("PTTL")
            .arg(key)
            .query_async(&mut raw)
            .await
            .unwrap();
        assert!((50_000..=60_000).contains(&left), "{left}");
    }
}

#[actix_rt::test]
async fn a_server_may_be_started_later() {
    let port = free_port();
    let store = connected_to(&format!("redis://127.0.0.1:{port}"), TIMEOUT);
    let asked = Instant::now();
    let error = store.read("key".into()).await.unwrap_err();
    assert!(asked.elapsed() < Duration::from_secs(5));
    assert!(matches!(error, StoreError::Unavailable { .. }), "{error}");
    assert!(
        error.to_string().contains(&format!("127.0.0.1:{port}")),
        "{error}"
    );

    let _server = RedisServer::start_on(port);
    until("the server answers", async || store.ping().await.is_ok()).await;
    put(&store, "key", "value", MINUTE).await;
    assert_eq!(get(&store, "key").await.unwrap(), "value");
}

#[actix_rt::test]
async fn a_server_that_hangs_is_an_error_until_it_goes_on() {
    let server = RedisServer::start();
    let store = connected_to(&server.url(), TIMEOUT);
    put(&store, "key", "before", MINUTE).await;

    server.pause();
    let asked = Instant::now();
    let answers = join_all((0..100).map(|_| store.read("key".into()))).await;
    assert!(answers.iter().all(is_unavailable));
    assert!(asked.elapsed() < 10 * TIMEOUT, "took {:?}", asked.elapsed());
    // The first of these finds that connecting fails as well; the others need not try.
    let asked = Instant::now();
    for _ in 0..10 {
        assert!(is_unavailable(&store.read("key".into()).await));
    }
    assert!(asked.elapsed() < 8 * TIMEOUT, "took {:?}", asked.elapsed());

    server.resume();
    until("the server answers", async || store.ping().await.is_ok()).await;
    assert_eq!(get(&store, "key").await.unwrap(), "before");
}

#[actix_rt::test]
async fn a_server_that_was_killed_is_used_again_when_it_is_back() {
    let mut server = RedisServer::start();
    let store = connected_to(&server.url(), TIMEOUT);
    put(&store, "key", "before", MINUTE).await;
    server.kill();
    assert!(is_unavailable(&store.read("key".into()).await));

    let _server = RedisServer::start_on(server.port());
    until("the server answers", async || store.ping().await.is_ok()).await;
    assert_eq!(get(&store, "key").await, None);
}

#[actix_rt::test]
async fn a_restart_that_nobody_saw_costs_nobody_an_error() {
    let mut server = RedisServer::start();
    let store = connected_to(&server.url(), MINUTE);
    put(&store, "key", "before", MINUTE).await;
    server.kill();
    let _server = RedisServer::start_on(server.port());
    put(&store, "key", "after", MINUTE).await;
    assert_eq!(get(&store, "key").await.unwrap(), "after");
}

#[test]
fn a_connection_may_outlive_the_thread_that_made_it() {
    let server = RedisServer::start();
    let store = Arc::new(connected_to(&server.url(), MINUTE));
    for round in ["1", "2", "3"] {
        let store = store.clone();
        let thread = std::thread::spawn(move || {
            actix_rt::System::new().block_on(put(&*store, "key", round, MINUTE));
        });
        thread.join().unwrap();
    }
    let value = actix_rt::System::new().block_on(get(&*store, "key"));
    assert_eq!(value.unwrap(), "3");
}

#[actix_rt::test]
async fn what_another_program_wrote_is_reported_and_does_no_harm() {
    let server = RedisServer::start();
    let store = connected_to(&server.url(), MINUTE);
    put_field(&store, "hash", "field", "value", MINUTE).await;
    let error = store.read("hash".into()).await.unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error}");
    assert_eq!(fields(&store, "hash").await, [pair("field", "value")]);
}

#[actix_rt::test]
async fn fields_that_are_no_text_are_reported_and_do_no_harm() {
    let server = RedisServer::start();
    let store = connected_to(&server.url(), MINUTE);
    let client = ::redis::Client::open(server.url()).unwrap();
    let mut raw = client.get_multiplexed_async_connection().await.unwrap();
    let mut foreign = ::redis::cmd("HSET");
    foreign.arg("test:hash").arg(&[0xff_u8][..]).arg("secret");
    foreign.exec_async(&mut raw).await.unwrap();
    let error = store.fields("hash".into()).await.unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error}");
    assert!(!error.to_string().contains("secret"), "{error}");
    store.ping().await.unwrap();
}

#[actix_rt::test]
async fn a_server_that_is_not_redis_is_recognized() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("redis://{}", listener.local_addr().unwrap());
    let other = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream
            .write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            .unwrap();
    });
    let error = connected_to(&url, MINUTE).ping().await.unwrap_err();
    assert!(error.to_string().contains("is not Redis"), "{error}");
    other.join().unwrap();
}

#[actix_rt::test]
async fn an_error_about_a_large_batch_is_short() {
    let server = RedisServer::start();
    let store = connected_to(&server.url(), MINUTE);
    let client = ::redis::Client::open(server.url()).unwrap();
    let mut raw = client.get_multiplexed_async_connection().await.unwrap();
    let mut limit = ::redis::cmd("CONFIG");
    limit.arg("SET").arg("maxmemory").arg(1);
    limit.exec_async(&mut raw).await.unwrap();
    let batch = (0..1_000).map(|i| Entry::new(i.to_string(), "value", MINUTE));
    let error = store.write(batch.collect()).await.unwrap_err();
    assert!(is_unavailable::<()>(&Err(error.clone())));
    assert!(error.to_string().contains("more memory"), "{error}");
    assert!(error.to_string().len() < 300, "{error}");
}

fn is_unavailable<T>(answer: &Result<T, StoreError>) -> bool {
    matches!(answer, Err(StoreError::Unavailable { .. }))
}
