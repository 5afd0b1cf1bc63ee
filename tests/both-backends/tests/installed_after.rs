//! The application installs a provider after our first token.

use jsonwebtoken::crypto::rust_crypto::DEFAULT_PROVIDER;

#[test]
fn our_tokens_take_no_choice_away_from_the_application() {
    both_backends::assert_our_tokens_work();
    DEFAULT_PROVIDER.install_default().unwrap();
    both_backends::assert_decode_accepts_our_tokens();
    both_backends::assert_our_tokens_work();
}
