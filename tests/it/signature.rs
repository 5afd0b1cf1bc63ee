//! Requests signed by the providers' own packages, and what those packages say of them.

use std::collections::BTreeMap;
use std::time::Duration;

use base64ct::{Base64, Encoding};
use http::{HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;
use tower_auth_sync::clock::UnixTime;
use tower_auth_sync::signature::{Scheme, Verifier};
use tower_auth_sync::testing::ManualClock;

#[derive(Deserialize)]
struct Vector {
    name: String,
    scheme: String,
    secret: String,
    now: u64,
    tolerance_s: u64,
    headers: Vec<(String, String)>,
    #[serde(default)]
    headers_base64: Vec<(String, String)>,
    body_base64: Option<String>,
    body_repeat: Option<Repeat>,
    expect: String,
    reason: String,
}

#[derive(Deserialize)]
struct Repeat {
    byte: u8,
    n: usize,
}

impl Vector {
    fn headers(&self) -> HeaderMap {
        let text = self.headers.iter();
        let text = text.map(|(name, value)| (name, value.clone().into_bytes()));
        let binary = self.headers_base64.iter();
        let binary = binary.map(|(name, value)| (name, Base64::decode_vec(value).unwrap()));
        let mut headers = HeaderMap::new();
        for (name, value) in text.chain(binary) {
            let name: HeaderName = name.parse().unwrap();
            headers.append(name, HeaderValue::from_bytes(&value).unwrap());
        }
        headers
    }

    fn body(&self) -> Vec<u8> {
        match (&self.body_base64, &self.body_repeat) {
            (Some(text), None) => Base64::decode_vec(text).unwrap(),
            (None, Some(Repeat { byte, n })) => vec![*byte; *n],
            _ => panic!("{} has not exactly one body", self.name),
        }
    }

    fn accepted(&self, scheme: Scheme) -> bool {
        let verifier = Verifier::builder(scheme)
            .secret(self.secret.as_str())
            .unwrap()
            .tolerance(Duration::from_secs(self.tolerance_s))
            .clock(ManualClock::at(UnixTime::from_secs(self.now)))
            .build();
        match verifier {
            Ok(verifier) => verifier.verify(&self.headers(), &self.body()).is_ok(),
            // A secret that cannot be configured accepts nothing; only these vectors may have one.
            Err(error) => {
                assert!(
                    self.reason.contains("configuration error"),
                    "{}: {error}",
                    self.name
                );
                false
            }
        }
    }
}

/// A scheme of the file, and how many of its vectors are to be accepted and refused.
struct Expected {
    name: &'static str,
    scheme: fn() -> Scheme,
    accepted: usize,
    refused: usize,
}

const fn expect(
    name: &'static str,
    scheme: fn() -> Scheme,
    accepted: usize,
    refused: usize,
) -> Expected {
    Expected {
        name,
        scheme,
        accepted,
        refused,
    }
}

/// The other schemes of the file have no preset yet.
const EXPECTED: [Expected; 5] = [
    expect("banata", Scheme::banata, 15, 50),
    expect("banata-live", Scheme::banata_sdk, 5, 13),
    expect("standard-webhooks", Scheme::standard_webhooks, 19, 61),
    expect("svix", Scheme::svix, 19, 61),
    expect("clerk", Scheme::clerk, 19, 66),
];

#[test]
fn every_vector_is_judged_as_the_provider_s_package_judges_it() {
    let vectors: Vec<Vector> =
        serde_json::from_str(include_str!("../data/webhook-vectors.json")).unwrap();
    let mut judged: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    let mut wrong = Vec::new();
    for vector in &vectors {
        let Some(expected) = EXPECTED.iter().find(|row| row.name == vector.scheme) else {
            continue;
        };
        let accepted = vector.accepted((expected.scheme)());
        let count = judged.entry(&vector.scheme).or_default();
        if accepted {
            count.0 += 1;
        } else {
            count.1 += 1;
        }
        if accepted != (vector.expect == "accept") {
            wrong.push(format!("{}: {}", vector.name, vector.reason));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    for row in EXPECTED {
        assert_eq!(
            judged[row.name],
            (row.accepted, row.refused),
            "{}",
            row.name
        );
    }
}
