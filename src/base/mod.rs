//! Types that every room uses: time, entropy, ids, secrets, keys, errors.

#[cfg(any(
    feature = "verify",
    feature = "emit",
    feature = "jwt",
    feature = "_ports"
))]
pub mod actor;
pub mod clock;
#[cfg(any(feature = "jwt", feature = "ed25519"))]
pub(crate) mod ed25519;
pub mod entropy;
#[cfg(feature = "_tower")]
pub(crate) mod erased;
#[cfg(feature = "_tower")]
pub(crate) mod error;
pub mod id;
#[cfg(any(feature = "emit", feature = "jwt"))]
pub mod pem;
pub mod secret;
