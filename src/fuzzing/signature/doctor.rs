//! Properties of the doctor.

use http::HeaderMap;
use serde_json::Value;

use super::verify::accepts;
use super::{KEY, NOW};
use crate::base::clock::UnixTime;
use crate::base::id::MessageId;
use crate::base::secret::{Secret, SecretDamage};
use crate::doctor::{BodyChange, Diagnosis, SecretForm, diagnose};
use crate::wire::scheme::KeyForm;
use crate::wire::scheme::Scheme;
use crate::wire::scheme::SignatureAlgorithm;
use crate::wire::scheme::SignatureEncoding;
use crate::wire::signature::Signer;

const OTHER_KEY: &str = "whsec_YWJjZGVmMDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODk=";
const QUOTED: &str = "'whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY='";
/// Outside every preset's tolerance.
const LATE: u64 = 3_600;

/// A request with a known fault and the required diagnosis.
struct Patient {
    /// The signing secret.
    signed_by: Scheme,
    secret: &'static str,
    signed: Vec<u8>,
    received: Vec<u8>,
    seen_at: UnixTime,
    /// The first configured secret.
    configured: &'static str,
    expected: Diagnosis,
}

/// The doctor names the single fault, and accepts no unsigned request. Its texts contain no part of the
/// secret.
///
/// `choice` selects the preset and the fault.
pub(crate) fn diagnosis_is_true(choice: usize, body: &[u8], unsigned: &HeaderMap) {
    let shared: Vec<Scheme> = Scheme::presets()
        .filter(|scheme| scheme.algorithm.key_form().is_some())
        .collect();
    let scheme = &shared[choice % shared.len()];
    let choice = choice / shared.len();
    let secrets = |first: &'static str| {
        [first, OTHER_KEY].map(|key| match Secret::verbatim(key) {
            Ok(secret) => secret,
            Err(error) => panic!("{error}"),
        })
    };
    for cause in diagnose(scheme, &secrets(KEY), unsigned, body, NOW.into()) {
        let unsigned = matches!(cause, Diagnosis::Headers(_) | Diagnosis::Unexplained);
        assert!(unsigned, "{cause:?}");
        assert!(!cause.to_string().contains(&KEY[6..]));
    }
    let other = &shared[choice / FAULTS.len() % shared.len()];
    let fault = FAULTS[choice % FAULTS.len()];
    let Some(patient) = fault(scheme, other, body) else {
        return;
    };
    let headers = patient.headers();
    let now = patient.seen_at.into();
    let secrets = secrets(patient.configured);
    let found = diagnose(scheme, &secrets, &headers, &patient.received, now);
    assert_eq!(found, [patient.expected], "{}", scheme.name);
}

type Fault = fn(&Scheme, &Scheme, &[u8]) -> Option<Patient>;

const FAULTS: [Fault; 12] = [
    nothing,
    line_end_added,
    line_end_removed,
    written_anew,
    byte_order_mark,
    late,
    damaged_by_the_sender,
    damaged_here,
    second_secret,
    other_encoding,
    other_key_form,
    other_scheme,
];

impl Patient {
    /// A request without a fault.
    fn of(scheme: &Scheme, body: &[u8]) -> Self {
        Self {
            signed_by: scheme.clone(),
            secret: KEY,
            configured: KEY,
            signed: body.to_vec(),
            received: body.to_vec(),
            seen_at: NOW,
            expected: Diagnosis::Accepted { secret: 0 },
        }
    }

    fn headers(&self) -> HeaderMap {
        let secret = Secret::verbatim(self.secret);
        let signer = secret.map(|secret| Signer::new(self.signed_by.clone(), [secret]));
        let (Ok(Ok(signer)), Ok(id)) = (signer, MessageId::new("msg_1")) else {
            panic!("the secret serves every scheme with shared keys");
        };
        let mut headers = HeaderMap::new();
        signer.sign_at(&id, NOW, &self.signed).apply(&mut headers);
        headers
    }
}

fn nothing(scheme: &Scheme, _other: &Scheme, body: &[u8]) -> Option<Patient> {
    Some(Patient::of(scheme, body))
}

fn line_end_added(scheme: &Scheme, _other: &Scheme, body: &[u8]) -> Option<Patient> {
    Some(Patient {
        received: [body, b"\n"].concat(),
        expected: Diagnosis::Body(BodyChange::LineEndAdded),
        ..Patient::of(scheme, body)
    })
}

fn line_end_removed(scheme: &Scheme, _other: &Scheme, body: &[u8]) -> Option<Patient> {
    Some(Patient {
        signed: [body, b"\r\n"].concat(),
        expected: Diagnosis::Body(BodyChange::LineEndRemoved),
        ..Patient::of(scheme, body)
    })
}

fn written_anew(scheme: &Scheme, _other: &Scheme, body: &[u8]) -> Option<Patient> {
    let value: Value = serde_json::from_slice(body).ok()?;
    let (signed, received) = (
        value.to_string().into_bytes(),
        format!("{value:#}").into_bytes(),
    );
    (signed != received).then(|| Patient {
        signed,
        received,
        expected: Diagnosis::Body(BodyChange::SignedCompact),
        ..Patient::of(scheme, body)
    })
}

fn byte_order_mark(scheme: &Scheme, _other: &Scheme, body: &[u8]) -> Option<Patient> {
    Some(Patient {
        received: ["\u{feff}".as_bytes(), body].concat(),
        expected: Diagnosis::Body(BodyChange::ByteOrderMarkAdded),
        ..Patient::of(scheme, body)
    })
}

/// Senders of decoded secrets refuse a quoted one.
fn damaged_by_the_sender(scheme: &Scheme, _other: &Scheme, body: &[u8]) -> Option<Patient> {
    scheme.algorithm.key_form()?.bytes(QUOTED)?;
    Some(Patient {
        secret: QUOTED,
        expected: Diagnosis::SenderSecretDamaged {
            secret: 0,
            damage: SecretDamage::Quoted,
        },
        ..Patient::of(scheme, body)
    })
}

fn damaged_here(scheme: &Scheme, _other: &Scheme, body: &[u8]) -> Option<Patient> {
    Some(Patient {
        configured: QUOTED,
        expected: Diagnosis::SecretDamaged {
            secret: 0,
            damage: SecretDamage::Quoted,
        },
        ..Patient::of(scheme, body)
    })
}

fn late(scheme: &Scheme, _other: &Scheme, body: &[u8]) -> Option<Patient> {
    let millis = -i64::try_from(LATE * 1000).ok()?;
    scheme.has_time().then(|| Patient {
        seen_at: UnixTime::from_secs(NOW.as_secs() + LATE),
        expected: Diagnosis::ClockSkew {
            millis,
            tolerance: scheme.tolerance,
        },
        ..Patient::of(scheme, body)
    })
}

fn second_secret(scheme: &Scheme, _other: &Scheme, body: &[u8]) -> Option<Patient> {
    Some(Patient {
        secret: OTHER_KEY,
        expected: Diagnosis::Accepted { secret: 1 },
        ..Patient::of(scheme, body)
    })
}

fn other_encoding(scheme: &Scheme, _other: &Scheme, body: &[u8]) -> Option<Patient> {
    let used = match scheme.encoding {
        SignatureEncoding::Base64 => SignatureEncoding::LowerHex,
        SignatureEncoding::LowerHex | SignatureEncoding::AnyHex => SignatureEncoding::Base64,
    };
    Some(Patient {
        signed_by: Scheme {
            encoding: used,
            ..scheme.clone()
        },
        expected: Diagnosis::Encoding { used },
        ..Patient::of(scheme, body)
    })
}

fn other_key_form(scheme: &Scheme, other: &Scheme, body: &[u8]) -> Option<Patient> {
    let (own, form) = (scheme.algorithm.key_form()?, other.algorithm.key_form()?);
    let used = match form {
        KeyForm::Text => SecretForm::WholeText,
        KeyForm::TextAfterPrefix => SecretForm::WithoutPrefix,
        KeyForm::Base64 | KeyForm::VersionedBase64 => SecretForm::Base64,
        KeyForm::Hex => return None,
    };
    (own.bytes(KEY) != form.bytes(KEY)).then(|| Patient {
        signed_by: Scheme {
            algorithm: SignatureAlgorithm::HmacSha256(form),
            ..scheme.clone()
        },
        expected: Diagnosis::KeyForm { secret: 0, used },
        ..Patient::of(scheme, body)
    })
}

/// Among presets that accept the same request, the doctor names the first.
fn other_scheme(scheme: &Scheme, other: &Scheme, body: &[u8]) -> Option<Patient> {
    let headers = Patient::of(other, body).headers();
    let expected = if accepts(scheme, &headers, body) {
        Diagnosis::Accepted { secret: 0 }
    } else {
        let mut presets = Scheme::presets();
        let preset = presets.find(|preset| accepts(preset, &headers, body));
        Diagnosis::Scheme { name: preset?.name }
    };
    Some(Patient {
        signed_by: other.clone(),
        expected,
        ..Patient::of(scheme, body)
    })
}
