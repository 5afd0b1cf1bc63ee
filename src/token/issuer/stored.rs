//! The keys of an issuer that several processes share.

use crate::base::error::StoreError;
use crate::token::error::TokenConfigError;
use crate::token::key_id::KeyId;
use crate::token::keys::{Keys, StoredKey};
use crate::token::private_jwk::generate_es256;
use crate::token::signing_key::SigningKey;
use crate::token::signing_pair::SigningKeyError;

/// Returns the keys of an issuer, newest first, and makes the first one if there is none.
pub(super) async fn load(keys: &Keys, issuer: &str) -> Result<Vec<SigningKey>, StoredKeysError> {
    let mut stored = keys.list(issuer).await?;
    if stored.is_empty() {
        make_first(keys, issuer).await?;
        stored = keys.list(issuer).await?;
    }
    stored.into_iter().rev().map(read).collect()
}

/// Stores a new key, unless another process was faster.
async fn make_first(keys: &Keys, issuer: &str) -> Result<(), StoredKeysError> {
    let jwk = generate_es256().map_err(StoredKeysError::Generate)?;
    let key = SigningKey::from_jwk(jwk.expose()).map_err(StoredKeysError::Generate)?;
    if keys.append(issuer, key.id().clone(), jwk, None).await? {
        tracing::info!(issuer, kid = %key.id(), "the issuer's first signing key is made and stored");
    }
    Ok(())
}

fn read(stored: StoredKey) -> Result<SigningKey, StoredKeysError> {
    match SigningKey::from_jwk(stored.jwk.expose()) {
        Ok(key) => Ok(key.with_id(stored.id)),
        Err(source) => Err(StoredKeysError::Key {
            id: stored.id,
            source,
        }),
    }
}

/// Why the stored keys of an issuer cannot be used.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum StoredKeysError {
    /// The issuer is no http(s) URL without query and fragment. Nothing was stored.
    #[error(transparent)]
    Config(#[from] TokenConfigError),
    /// The store failed.
    #[error("the store of the signing keys failed")]
    Store(#[from] StoreError),
    /// A stored key cannot be read. No other key signs in its place.
    #[error("the stored signing key \"{id}\" cannot be read")]
    Key {
        /// The id of the key.
        id: KeyId,
        /// Why it cannot be read.
        source: SigningKeyError,
    },
    /// The first key could not be made.
    #[error("the issuer's first signing key could not be made")]
    Generate(#[source] SigningKeyError),
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use serde_json::json;

    use super::*;
    use crate::base::actor::Actor;
    use crate::base::clock::{Clock as _, UnixTime};
    use crate::base::secret::Secret;
    use crate::testing::ManualClock;
    use crate::token::{Algorithm, JwtIssuer, KeyStore, MemoryKeys, TokenVerifier};

    const ISSUER: &str = "https://auth.example";
    const AUDIENCE: &str = "https://app.example";

    async fn issuer(keys: impl Into<Keys>) -> JwtIssuer {
        let builder = JwtIssuer::stored(keys, ISSUER, AUDIENCE).await.unwrap();
        builder.build().unwrap()
    }

    fn published(issuer: &JwtIssuer) -> Vec<String> {
        let keys = issuer.keys().keys().iter();
        keys.map(|key| key.id().unwrap().to_string()).collect()
    }

    #[tokio::test]
    async fn an_issuer_without_keys_makes_one_and_finds_it_again() {
        let clock = ManualClock::at(UnixTime::from_secs(1_760_000_000));
        let keys = Keys::new(MemoryKeys::new()).with_clock(clock.clone());
        let first = issuer(keys.clone()).await;
        assert_eq!(first.keys().keys()[0].algorithm(), Algorithm::Es256);
        assert_eq!(published(&issuer(keys.clone()).await), published(&first));
        let stored = keys.list(ISSUER).await.unwrap();
        assert_eq!(stored.len(), 1);
        assert_eq!(stored[0].created_at, clock.now());
    }

    #[tokio::test]
    async fn the_newest_key_signs_and_all_are_published() {
        let keys = Keys::from(MemoryKeys::new());
        let old = issuer(keys.clone()).await;
        let jwk = Secret::verbatim(
            r#"{"kty":"OKP","crv":"Ed25519","kid":"another",
            "d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
            "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#,
        );
        let oldest = KeyId::new(published(&old).remove(0)).unwrap();
        let new = KeyId::new("new").unwrap();
        let appended = keys.append(ISSUER, new, jwk.unwrap(), Some(&oldest)).await;
        assert!(appended.unwrap());

        let rotated = issuer(keys).await;
        assert_eq!(published(&rotated), ["new", oldest.as_str()]);
        let verifier = TokenVerifier::builder(rotated.keys().clone())
            .issuer(ISSUER)
            .audience(AUDIENCE)
            .build()
            .unwrap();
        let mut ids = Vec::new();
        for issuer in [old, rotated] {
            let token = issuer.issue(&json!({ "sub": "u" })).unwrap();
            let token = verifier.verify(&token).await.unwrap();
            ids.push(token.key_id().unwrap().to_string());
        }
        assert_eq!(ids, [oldest.as_str(), "new"]);
    }

    #[tokio::test]
    async fn a_stored_key_that_cannot_be_read_is_named_and_not_quoted() {
        let keys = Keys::from(MemoryKeys::new());
        let jwk = Secret::verbatim(r#"{"kty":"EC","crv":"P-256","d":"hunter2"}"#).unwrap();
        let id = KeyId::new("2026-11").unwrap();
        keys.append(ISSUER, id, jwk, None).await.unwrap();
        let error = JwtIssuer::stored(keys, ISSUER, AUDIENCE).await.unwrap_err();
        let said = format!("{error} {:?} {}", error, error.source().unwrap());
        assert!(said.starts_with("the stored signing key \"2026-11\" cannot be read"));
        assert!(!said.contains("hunter2"), "{said}");
    }

    #[tokio::test]
    async fn an_issuer_that_is_no_url_stores_nothing() {
        let keys = Keys::from(MemoryKeys::new());
        let error = JwtIssuer::stored(keys.clone(), "auth", AUDIENCE).await;
        assert!(matches!(error.unwrap_err(), StoredKeysError::Config(_)));
        assert!(keys.list("auth").await.unwrap().is_empty());
    }

    /// A store in which another process always stores its key first.
    struct Overtaken(MemoryKeys);

    impl KeyStore for Overtaken {
        async fn list(&self, issuer: &str) -> Result<Vec<StoredKey>, StoreError> {
            self.0.list(issuer).await
        }

        async fn append(
            &self,
            key: &StoredKey,
            after: Option<&KeyId>,
            actor: &Actor,
        ) -> Result<bool, StoreError> {
            issuer(&self.0).await;
            self.0.append(key, after, actor).await
        }
    }

    #[tokio::test]
    async fn a_process_that_is_overtaken_signs_with_the_other_one_s_key() {
        let store = MemoryKeys::new();
        let late = issuer(Keys::new(Overtaken(store.clone()))).await;
        assert_eq!(published(&late), published(&issuer(&store).await));
    }
}
