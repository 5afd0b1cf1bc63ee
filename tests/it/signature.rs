//! Requests signed by the providers' own packages, and what those packages say of them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use base64ct::{Base64, Encoding};
use http::{HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;
use tower_auth_sync::clock::UnixTime;
use tower_auth_sync::scheme::Scheme;
use tower_auth_sync::signature::Verifier;
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

    /// Three of GitHub's have 20 bytes.
    fn has_short_secret(&self) -> bool {
        self.scheme == "github" && self.secret.len() == 20
    }

    fn accepted(&self, scheme: Scheme) -> bool {
        let mut builder = Verifier::builder(scheme)
            .secret(self.secret.as_str())
            .unwrap()
            .tolerance(Duration::from_secs(self.tolerance_s))
            .clock(ManualClock::at(UnixTime::from_secs(self.now)));
        if self.has_short_secret() {
            builder = builder.dangerous_allow_short_secret();
        }
        let verifier = builder.build();
        match verifier {
            Ok(verifier) => verifier.verify(&self.headers(), &self.body()).is_ok(),
            // A secret that cannot be configured accepts nothing; only these vectors may have one.
            Err(error) => {
                assert!(
                    self.reason.contains("configuration error")
                        || self
                            .reason
                            .starts_with("the public key configured as whsec_"),
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

const EXPECTED: &[Expected] = &[
    expect("banata", Scheme::banata, 15, 50),
    expect("banata-live", Scheme::banata_sdk, 5, 13),
    expect("standard-webhooks", Scheme::standard_webhooks, 19, 61),
    expect("svix", Scheme::svix, 19, 61),
    expect("clerk", Scheme::clerk, 19, 66),
    expect("stripe", Scheme::stripe, 17, 39),
    expect("workos", Scheme::workos, 5, 34),
    expect("github", Scheme::github, 10, 25),
    expect("slack", Scheme::slack, 8, 22),
    expect("shopify", Scheme::shopify, 5, 18),
];

/// With these, every vector of the file is judged.
#[cfg(feature = "ed25519")]
const ASYMMETRIC: &[Expected] = &[expect(
    "standard-webhooks-v1a",
    Scheme::standard_webhooks_v1a,
    7,
    10,
)];
#[cfg(not(feature = "ed25519"))]
const ASYMMETRIC: &[Expected] = &[];

fn rows() -> impl Iterator<Item = &'static Expected> {
    EXPECTED.iter().chain(ASYMMETRIC)
}

#[test]
fn every_vector_is_judged_as_the_provider_s_package_judges_it() {
    let vectors: Vec<Vector> =
        serde_json::from_str(include_str!("../data/webhook-vectors.json")).unwrap();
    assert_eq!(vectors.len(), 528);
    let short = vectors.iter().filter(|vector| vector.has_short_secret());
    let short: BTreeSet<_> = short.map(|vector| &vector.secret).collect();
    assert_eq!(short.len(), 3);
    let mut judged: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    let mut wrong = Vec::new();
    for vector in &vectors {
        let Some(expected) = rows().find(|row| row.name == vector.scheme) else {
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
    for row in rows() {
        assert_eq!(
            judged[row.name],
            (row.accepted, row.refused),
            "{}",
            row.name
        );
    }
}

#[cfg(feature = "ed25519")]
#[test]
fn the_rows_are_all_of_the_file() {
    let judged: usize = rows().map(|row| row.accepted + row.refused).sum();
    assert_eq!(judged, 528);
}
