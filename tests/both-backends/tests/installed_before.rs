//! The application installs a provider before our first token.

use jsonwebtoken::crypto::rust_crypto::DEFAULT_PROVIDER;

#[test]
fn our_tokens_work_beside_the_provider_that_the_application_installed() {
    DEFAULT_PROVIDER.install_default().unwrap();
    both_backends::assert_our_tokens_work();
    both_backends::assert_decode_accepts_our_tokens();
}
