//! The application calls `decode` without a provider.

use jsonwebtoken::crypto::rust_crypto::DEFAULT_PROVIDER;
use jsonwebtoken::{DecodingKey, Validation, decode};
use serde_json::Value;

/// A header that names HS256, and no claims.
const TOKEN: &str = "eyJhbGciOiJIUzI1NiJ9.e30.AAAA";

#[test]
fn our_tokens_work_after_the_application_s_own_call_panicked() {
    let key = DecodingKey::from_secret(b"a secret of the application");
    let call = || decode::<Value>(TOKEN, &key, &Validation::default());
    assert!(std::panic::catch_unwind(call).is_err());
    // That crate has kept its dummy: from now on nothing can be installed.
    assert!(DEFAULT_PROVIDER.install_default().is_err());
    both_backends::assert_our_tokens_work();
}
