//! Issuers in several processes, with keys in one database.

use std::path::Path;

use serde_json::json;
use tempfile::TempDir;
use tower_auth_sync::store::AnyStore;
use tower_auth_sync::store::postgres::PostgresStore;
use tower_auth_sync::token::{JwtIssuer, KeySet, Keys, TokenVerifier};

use crate::servers;

const ISSUER: &str = "https://auth.example";
const AUDIENCE: &str = "https://app.example";

mod postgres_contract {
    use super::{PostgresStore, servers};

    tower_auth_sync::__key_store_tests!(optional async || {
        let url = servers::postgres().await?;
        Some((PostgresStore::connect(&url).await.unwrap(), ()))
    });
}

/// Starts an issuer as a process of its own does.
async fn issuer(keys: impl Into<Keys>) -> JwtIssuer {
    let builder = JwtIssuer::stored(keys, ISSUER, AUDIENCE).await.unwrap();
    builder.build().unwrap()
}

/// Checks a token of the one issuer by the document of the other.
async fn verify(by: &JwtIssuer, published_by: &JwtIssuer) {
    let keys = KeySet::from_json(published_by.keys().to_json()).unwrap();
    let verifier = TokenVerifier::builder(keys)
        .issuer(ISSUER)
        .audience(AUDIENCE)
        .build()
        .unwrap();
    let token = by.issue(&json!({ "sub": "user_1" })).unwrap();
    verifier.verify(&token).await.unwrap();
}

/// Checks that issuers which started at once have one key.
async fn assert_one_key(issuers: &[JwtIssuer]) {
    let first = &issuers[0];
    assert_eq!(first.keys().keys().len(), 1);
    for other in issuers {
        assert_eq!(other.keys().to_json(), first.keys().to_json());
        verify(first, other).await;
        verify(other, first).await;
    }
}

async fn open(path: &Path) -> AnyStore {
    let url = format!("sqlite://{}", path.display());
    AnyStore::connect(&url).await.unwrap()
}

#[tokio::test]
async fn issuers_that_start_at_once_over_one_file_share_one_key_also_after_a_restart() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("auth-sync.db");
    let start = async || issuer(&open(&path).await).await;
    let (a, b, c, d) = tokio::join!(start(), start(), start(), start());
    let again = start().await;
    assert_one_key(&[a, b, c, d, again]).await;
}

#[tokio::test]
async fn issuers_that_start_at_once_over_one_server_share_one_key() {
    let Some(url) = servers::postgres().await else {
        return;
    };
    let start = async || {
        let store = PostgresStore::connect(&url).await.unwrap();
        issuer(store).await
    };
    let (a, b, c, d) = tokio::join!(start(), start(), start(), start());
    let again = start().await;
    assert_one_key(&[a, b, c, d, again]).await;
}
