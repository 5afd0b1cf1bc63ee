use std::error::Error as _;

use super::*;

#[tokio::test]
async fn an_address_that_is_no_redis_server_is_refused_without_being_quoted() {
    for url in [
        "",
        "localhost",
        "postgres://user:hunter2@host/db",
        "redis://:hunter2@host:port",
        "rediss://:hunter2@host",
    ] {
        let error = RedisStore::connect(url).await.unwrap_err();
        assert!(error.is_address(), "{url}: {error:?}");
        let said = error.source().unwrap().to_string();
        assert!(!said.contains("hunter2"), "{said}");
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unavailable() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = free.local_addr().unwrap();
    drop(free);
    let error = RedisStore::connect(&format!("redis://{addr}")).await;
    assert!(error.unwrap_err().is_unavailable());
}

#[tokio::test(start_paused = true)]
async fn a_server_that_does_not_answer_is_unavailable_after_two_seconds() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("redis://{}", silent.local_addr().unwrap());
    let started = tokio::time::Instant::now();
    let error = RedisStore::connect(&url).await;
    assert!(error.unwrap_err().is_unavailable());
    assert!(started.elapsed() <= std::time::Duration::from_secs(2));
}
