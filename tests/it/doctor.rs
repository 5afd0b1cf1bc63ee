//! The saved requests that the example reads, and the cause of each.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use tower_auth_sync::doctor::SecretForm;
use tower_auth_sync::doctor::{BodyChange, Diagnosis};
use tower_auth_sync::scheme::{SignatureEncoding, TimeUnit};

#[expect(dead_code, reason = "the example's `main` is not called")]
#[path = "../../examples/doctor.rs"]
mod example;

fn causes() -> [(&'static str, Diagnosis); 10] {
    let key = |used| Diagnosis::KeyForm { secret: 0, used };
    [
        ("secret-with-prefix", key(SecretForm::WholeText)),
        ("secret-decoded", key(SecretForm::Base64)),
        ("secret-not-decoded", key(SecretForm::WithoutPrefix)),
        (
            "milliseconds",
            Diagnosis::Unit {
                used: TimeUnit::Milliseconds,
            },
        ),
        (
            "clock-skew",
            Diagnosis::ClockSkew {
                millis: -420_000,
                tolerance: Duration::from_secs(300),
            },
        ),
        ("body-rewritten", Diagnosis::Body(BodyChange::SignedCompact)),
        ("line-end-added", Diagnosis::Body(BodyChange::LineEndAdded)),
        (
            "signature-in-base64",
            Diagnosis::Encoding {
                used: SignatureEncoding::Base64,
            },
        ),
        ("another-secret", Diagnosis::Accepted { secret: 1 }),
        (
            "another-scheme",
            Diagnosis::Scheme {
                name: "standard-webhooks",
            },
        ),
    ]
}

#[test]
fn the_cause_of_each_saved_request_is_named() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/doctor");
    let files = fs::read_dir(&folder).unwrap();
    let files: BTreeSet<_> = files.map(|file| file.unwrap().path()).collect();
    assert_eq!(files.len(), causes().len());
    for (name, cause) in causes() {
        let file = folder.join(name).with_extension("json");
        let saved = fs::read_to_string(file).unwrap();
        let found = example::explain(&saved, None).unwrap();
        assert_eq!(found, [cause], "{name}");
    }
}

#[test]
fn secrets_from_the_environment_go_before_those_in_the_file() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/doctor");
    let saved = fs::read_to_string(folder.join("clock-skew.json")).unwrap();
    let found = example::explain(&saved, Some("first-not-the-right-one\nsecond")).unwrap();
    assert_eq!(found, [Diagnosis::Unexplained]);
    assert!(example::explain(&saved, Some("")).is_err());
}
