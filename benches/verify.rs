//! What accepting a signed request costs, beside the bare HMAC and the peers.
//!
//! ```text
//! cargo bench --bench verify
//! ```
//!
//! Criterion measures each contender alone. After that all of them take turns in one loop and the
//! medians of their ratios are printed: on a shared machine only those can be trusted.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench prints, and stops at what cannot be"
)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput};
use hmac::{Hmac, KeyInit, Mac};
use http::HeaderMap;
use sha2::Sha256;
use tower_auth_sync::clock::{Clock, SystemClock};
use tower_auth_sync::id::MessageId;
use tower_auth_sync::signature::{Scheme, Signer, Verifier};

const SIZES: [(usize, &str); 2] = [(1024, "1KiB"), (16 * 1024, "16KiB")];
const KEY: &[u8] = b"0123456789abcdef0123456789abcdef";
const SECRET: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
const ID: &str = "msg_01JZZZZZZZZZZZZZZZZZZZZZZZ";

/// Turns in the printed comparison; odd, so that there is a median.
const ROUNDS: usize = 401;
/// How long one contender's turn takes, about.
const TURN: Duration = Duration::from_micros(400);

/// A way to accept one request.
struct Contender {
    name: &'static str,
    accept: Box<dyn Fn() -> bool>,
}

/// In the order: bare HMAC, ours, peers.
fn contenders(size: usize) -> Vec<Contender> {
    // JSON-like text: one peer takes only UTF-8.
    let body = vec![b'x'; size];
    let standard = signed(Scheme::standard_webhooks(), &body);
    let banata = signed(Scheme::banata(), &body);
    let contender = |name, accept: Box<dyn Fn() -> bool>| {
        assert!(accept(), "{name} must accept the request");
        Contender { name, accept }
    };
    vec![
        contender("hmac", bare_hmac(&standard, &body)),
        contender(
            "standard-webhooks",
            ours(Scheme::standard_webhooks(), &standard, &body),
        ),
        contender("banata", ours(Scheme::banata(), &banata, &body)),
        contender("peer-standardwebhooks", {
            let peer = standardwebhooks::Webhook::new(SECRET).unwrap();
            let (headers, body) = (standard.clone(), body.clone());
            Box::new(move || peer.verify(black_box(&body), black_box(&headers)).is_ok())
        }),
        contender("peer-svix", {
            let peer = svix::webhooks::Webhook::new(SECRET).unwrap();
            Box::new(move || peer.verify(black_box(&body), black_box(&standard)).is_ok())
        }),
    ]
}

/// The peers compare with the system's time, so the requests are signed now.
fn signed(scheme: Scheme, body: &[u8]) -> HeaderMap {
    let signer = Signer::new(scheme, [SECRET]).unwrap();
    let id = MessageId::new(ID).unwrap();
    let mut headers = HeaderMap::new();
    signer
        .sign(&id, SystemClock.now().to_secs(), body)
        .apply(&mut headers);
    headers
}

fn ours(scheme: Scheme, headers: &HeaderMap, body: &[u8]) -> Box<dyn Fn() -> bool> {
    let verifier = Verifier::new(scheme, [SECRET]).unwrap();
    let (headers, body) = (headers.clone(), body.to_vec());
    Box::new(move || {
        let verdict = verifier.verify(black_box(&headers), black_box(&body));
        verdict.is_ok()
    })
}

/// A prepared key over the very bytes that Standard Webhooks signs.
fn bare_hmac(headers: &HeaderMap, body: &[u8]) -> Box<dyn Fn() -> bool> {
    let time = headers["webhook-timestamp"].to_str().unwrap();
    let content = [format!("{ID}.{time}.").as_bytes(), body].concat();
    let prepared = Hmac::<Sha256>::new_from_slice(KEY).unwrap();
    Box::new(move || {
        let mut mac = prepared.clone();
        mac.update(black_box(&content));
        black_box(mac.finalize().into_bytes()).len() == 32
    })
}

fn measure_alone(criterion: &mut Criterion) {
    for (size, label) in SIZES {
        let mut group = criterion.benchmark_group(format!("verify/{label}"));
        group.throughput(Throughput::Bytes(size as u64));
        for Contender { name, accept } in contenders(size) {
            group.bench_function(name, |bencher| bencher.iter(&accept));
        }
        group.finish();
    }
}

fn print_ratios() {
    println!("\nmedians of {ROUNDS} rounds in which all take turns");
    for (size, label) in SIZES {
        let contenders = contenders(size);
        let times = take_turns(&contenders);
        let column = |index: usize| times.iter().map(move |round| round[index]);
        println!("{label:<6} {:<22} {:>9.0} ns", "hmac", median(column(0)));
        for (index, contender) in contenders.iter().enumerate().skip(1) {
            let to_hmac = median(times.iter().map(|round| round[index] / round[0]));
            let to_ours = median(times.iter().map(|round| round[index] / round[1]));
            println!(
                "{label:<6} {:<22} {:>9.0} ns   {to_hmac:>5.2} x hmac   {to_ours:>5.2} x ours",
                contender.name,
                median(column(index)),
            );
        }
    }
}

/// Returns, per round, the nanoseconds that each contender took for one request.
fn take_turns(contenders: &[Contender]) -> Vec<Vec<f64>> {
    let calls: Vec<u32> = contenders.iter().map(calls_per_turn).collect();
    let turn = |(contender, &calls): (&Contender, &u32)| {
        time(contender, calls).as_nanos() as f64 / f64::from(calls)
    };
    let round = |_| contenders.iter().zip(&calls).map(turn).collect();
    (0..ROUNDS).map(round).collect()
}

fn calls_per_turn(contender: &Contender) -> u32 {
    let once = time(contender, 200) / 200;
    u32::try_from(TURN.as_nanos() / once.as_nanos().max(1)).unwrap() + 1
}

fn time(contender: &Contender, calls: u32) -> Duration {
    let start = Instant::now();
    for _ in 0..calls {
        assert!((contender.accept)());
    }
    start.elapsed()
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(3))
        .configure_from_args();
    measure_alone(&mut criterion);
    criterion.final_summary();
    // `cargo test --benches` only wants to know that it runs.
    if std::env::args().any(|arg| arg == "--bench") {
        print_ratios();
    }
}
