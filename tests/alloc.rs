//! Judging a signature needs no memory from the allocator, which an attacker could make us fetch.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use http::{HeaderMap, HeaderValue};
use tower_auth_sync::clock::{Clock, SystemClock};
use tower_auth_sync::entropy::SystemEntropy;
use tower_auth_sync::id::MessageId;
use tower_auth_sync::scheme::Scheme;
use tower_auth_sync::secret::Secret;
use tower_auth_sync::signature::{Signer, Verifier};

const SCHEMES: [fn() -> Scheme; 10] = [
    Scheme::banata,
    Scheme::banata_sdk,
    Scheme::standard_webhooks,
    Scheme::svix,
    Scheme::clerk,
    Scheme::stripe,
    Scheme::workos,
    Scheme::github,
    Scheme::slack,
    Scheme::shopify,
];

fn allocations(run: impl FnOnce()) -> u64 {
    allocation_counter::measure(run).count_total
}

#[test]
fn the_counter_counts() {
    assert_eq!(allocations(|| drop(std::hint::black_box(Box::new(1)))), 1);
}

#[test]
fn accepting_a_request_allocates_nothing_in_any_scheme() {
    let secrets = [(); 2].map(|()| Secret::generate());
    let now = SystemClock.now();
    let id = MessageId::generate(now, &SystemEntropy);
    let body = vec![b'x'; 16 * 1024];
    for scheme in SCHEMES.map(|preset| preset()) {
        let mut headers = HeaderMap::new();
        let signer = Signer::new(scheme.clone(), secrets.clone()).unwrap();
        signer
            .sign_at(&id, now.to_secs(), &body)
            .apply(&mut headers);
        let verifier = Verifier::new(scheme.clone(), secrets.clone()).unwrap();
        let count = allocations(|| {
            verifier.verify(&headers, &body).unwrap();
        });
        assert_eq!(count, 0, "{}", scheme.name());
    }
}

#[test]
fn refusing_a_header_full_of_separators_allocates_nothing() {
    let secret = Secret::generate();
    let verifier = Verifier::new(Scheme::banata(), [secret]).unwrap();
    for length in [1000, 64 * 1024] {
        let value = ",".repeat(length);
        let mut headers = HeaderMap::new();
        headers.insert("webhook-signature", HeaderValue::from_str(&value).unwrap());
        let count = allocations(|| {
            verifier.verify(&headers, b"{}").unwrap_err();
        });
        assert_eq!(count, 0, "{length}");
    }
}
