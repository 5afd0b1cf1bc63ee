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
