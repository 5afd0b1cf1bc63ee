//! What accepting a signed request costs, beside the bare HMAC and the peers.
//!
//! ```text
//! cargo bench --bench verify --features ed25519
//! ```
//!
//! Criterion measures some alone. After that all of them take turns in one loop and the medians of
//! their ratios are printed: on a shared machine only those can be trusted.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench prints, and stops at what cannot be"
)]

mod turns;

use std::hint::black_box;

use criterion::{Criterion, Throughput};
use hmac::{Hmac, KeyInit, Mac};
use http::HeaderMap;
use sha2::Sha256;
use tower_auth_sync::clock::{Clock, SystemClock, UnixTime};
use tower_auth_sync::id::MessageId;
use tower_auth_sync::scheme::Scheme;
use tower_auth_sync::signature::{Signer, Verifier};

use self::turns::{Contender, Times};

const SIZES: [(usize, &str); 2] = [(1024, "1KiB"), (16 * 1024, "16KiB")];
const KEY: &[u8] = b"0123456789abcdef0123456789abcdef";
const SECRET: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
const ID: &str = "msg_01JZZZZZZZZZZZZZZZZZZZZZZZ";

/// Every preset whose keys are shared secrets, with what it signs before the body.
const SCHEMES: [(Scheme, &str); 10] = [
    (Scheme::standard_webhooks(), "{id}.{t}."),
    (Scheme::svix(), "{id}.{t}."),
    (Scheme::clerk(), "{id}.{t}."),
    (Scheme::banata(), "{t}."),
    (Scheme::banata_sdk(), "{t}."),
    (Scheme::stripe(), "{t}."),
    (Scheme::workos(), "{t}000."),
    (Scheme::github(), ""),
    (Scheme::slack(), "v0:{t}:"),
    (Scheme::shopify(), ""),
];

/// The bare HMAC over the bytes that the scheme signs, and ours over the request.
fn pair(scheme: &Scheme, prefix: &str, now: UnixTime, body: &[u8]) -> [Contender; 2] {
    let headers = signed(scheme.clone(), SECRET, now, body);
    let verifier = Verifier::new(scheme.clone(), [SECRET]).unwrap();
    let prefix = prefix
        .replace("{id}", ID)
        .replace("{t}", &now.as_secs().to_string());
    let content = [prefix.as_bytes(), body].concat();
    let prepared = Hmac::<Sha256>::new_from_slice(KEY).unwrap();
    let bare = move || {
        let mut mac = prepared.clone();
        mac.update(black_box(&content));
        black_box(mac.finalize().into_bytes()).len() == 32
    };
    let body = body.to_vec();
    let ours = move || {
        let verdict = verifier.verify(black_box(&headers), black_box(&body));
        verdict.is_ok()
    };
    [
        Contender::new("hmac", bare),
        Contender::new(scheme.name(), ours),
    ]
}

/// The peers take Standard Webhooks.
fn peers(now: UnixTime, body: &[u8]) -> [Contender; 2] {
    let headers = signed(Scheme::standard_webhooks(), SECRET, now, body);
    let standardwebhooks = standardwebhooks::Webhook::new(SECRET).unwrap();
    let svix = svix::webhooks::Webhook::new(SECRET).unwrap();
    let (same_headers, body, same_body) = (headers.clone(), body.to_vec(), body.to_vec());
    [
        Contender::new("peer-standardwebhooks", move || {
            let verdict = standardwebhooks.verify(black_box(&body), black_box(&headers));
            verdict.is_ok()
        }),
        Contender::new("peer-svix", move || {
            let verdict = svix.verify(black_box(&same_body), black_box(&same_headers));
            verdict.is_ok()
        }),
    ]
}

fn signed(scheme: Scheme, secret: &str, now: UnixTime, body: &[u8]) -> HeaderMap {
    let signer = Signer::new(scheme, [secret]).unwrap();
    let mut headers = HeaderMap::new();
    let id = MessageId::new(ID).unwrap();
    signer.sign_at(&id, now, body).apply(&mut headers);
    headers
}

/// Ed25519 against the bare signature check: it costs many HMACs.
#[cfg(feature = "ed25519")]
fn ed25519(now: UnixTime, body: &[u8]) -> [Contender; 2] {
    use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, ParsedPublicKey};
    use base64::{Engine as _, engine::general_purpose::STANDARD};

    let pair = Ed25519KeyPair::from_seed_unchecked(KEY).unwrap();
    let public = pair.public_key().as_ref();
    let content = [format!("{ID}.{}.", now.as_secs()).as_bytes(), body].concat();
    let signature = pair.sign(&content);
    let key = ParsedPublicKey::new(&ED25519, public).unwrap();
    let bare = move || {
        let verdict = key.verify_sig(black_box(&content), signature.as_ref());
        verdict.is_ok()
    };

    let scheme = Scheme::standard_webhooks_v1a();
    let secret = format!("whsk_{}", STANDARD.encode(KEY));
    let headers = signed(scheme.clone(), &secret, now, body);
    let public = format!("whpk_{}", STANDARD.encode(public));
    let verifier = Verifier::new(scheme.clone(), [public]).unwrap();
    let body = body.to_vec();
    let ours = move || {
        let verdict = verifier.verify(black_box(&headers), black_box(&body));
        verdict.is_ok()
    };
    [
        Contender::new("ed25519", bare),
        Contender::new(scheme.name(), ours),
    ]
}

fn measure_alone(criterion: &mut Criterion) {
    for (size, label) in SIZES {
        // JSON-like text: one peer takes only UTF-8.
        let body = vec![b'x'; size];
        let now = SystemClock.now().to_secs();
        let mut group = criterion.benchmark_group(format!("verify/{label}"));
        group.throughput(Throughput::Bytes(size as u64));
        let ours = pair(&SCHEMES[0].0, SCHEMES[0].1, now, &body);
        for mut contender in ours.into_iter().chain(peers(now, &body)) {
            let name = contender.name().to_owned();
            group.bench_function(name, |bencher| {
                bencher.iter_custom(|calls| contender.turn(calls));
            });
        }
        group.finish();
    }
}

fn print_ratios((size, label): (usize, &str)) {
    let body = vec![b'x'; size];
    // The peers compare with the system's time, so the requests are signed now.
    let now = SystemClock.now().to_secs();
    let mut contenders: Vec<_> = SCHEMES
        .iter()
        .flat_map(|(scheme, prefix)| pair(scheme, prefix, now, &body))
        .collect();
    let peers_from = contenders.len();
    contenders.extend(peers(now, &body));
    let ed25519_from = contenders.len();
    #[cfg(feature = "ed25519")]
    contenders.extend(ed25519(now, &body));

    let times = Times::take(&mut contenders);
    let row = |index: usize, to: usize| {
        let (name, nanos) = (contenders[index].name(), times.median(index));
        let (ratio, other) = (times.ratio(index, to), contenders[to].name());
        println!("{label:<6} {name:<22} {nanos:>8.0} ns {ratio:>6.2} x {other}");
    };
    for bare in (0..peers_from).step_by(2) {
        row(bare + 1, bare);
    }
    for peer in peers_from..ed25519_from {
        row(peer, 1);
    }
    for bare in (ed25519_from..contenders.len()).step_by(2) {
        row(bare + 1, bare);
    }
}

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(std::time::Duration::from_secs(1))
        .measurement_time(std::time::Duration::from_secs(3))
        .configure_from_args();
    measure_alone(&mut criterion);
    criterion.final_summary();
    println!();
    turns::print_load();
    SIZES.into_iter().for_each(print_ratios);
}
