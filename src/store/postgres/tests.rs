use std::error::Error as _;

use super::*;

#[tokio::test]
async fn an_address_that_is_no_postgres_server_is_refused_without_being_quoted() {
    for url in [
        "",
        "localhost",
        "redis://:hunter2@host",
        "postgres://user:hunter2@host:port/db",
        "postgres://user:hunter2@host/db?sslmode=hunter2",
    ] {
        let error = PostgresStore::connect(url).await.unwrap_err();
        assert!(error.is_address(), "{url}: {error:?}");
        let mut said = error.source();
        while let Some(cause) = said {
            let quotes = cause.to_string().contains("user:hunter2");
            assert!(!quotes, "{cause}");
            said = cause.source();
        }
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unavailable() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = free.local_addr().unwrap();
    drop(free);
    let error = PostgresStore::connect(&format!("postgres://user@{addr}/db")).await;
    assert!(error.unwrap_err().is_unavailable());
}

#[tokio::test]
async fn debug_shows_no_password() {
    let pool = PgPool::connect_lazy("postgres://user:hunter2@host/db").unwrap();
    let shown = format!("{:?}", PostgresStore::from_pool(pool));
    assert!(
        shown.contains("host") && !shown.contains("hunter2"),
        "{shown}"
    );
}
