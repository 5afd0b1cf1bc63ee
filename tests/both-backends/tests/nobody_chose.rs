//! No provider is installed.

#[test]
fn our_tokens_work_though_nobody_chose_a_provider() {
    both_backends::assert_our_tokens_work();
}
