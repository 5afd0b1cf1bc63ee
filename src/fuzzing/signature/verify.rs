//! Properties of verifiers.

use http::HeaderMap;

use super::{KEY, NOW};
use crate::base::clock::{Clock, UnixMillis};
use crate::base::id::MessageId;
use crate::wire::scheme::Scheme;
use crate::wire::signature::Signer;
use crate::wire::signature::VerifyError;
use crate::wire::signature::{SignatureMatch, Verifier};

#[derive(Debug)]
struct Fixed;

impl Clock for Fixed {
    fn now(&self) -> UnixMillis {
        NOW.to_millis()
    }
}

fn verifier(scheme: &Scheme, key: &str) -> Option<Verifier> {
    let builder = Verifier::builder(scheme.clone()).clock(Fixed);
    builder.secret(key).ok()?.build().ok()
}

/// Each preset with its verifier. The public key of `v1a` has no known private key.
fn verifiers() -> impl Iterator<Item = (Scheme, Verifier)> {
    const PUBLIC: &str = "whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
    Scheme::presets().map(|scheme| {
        let key = scheme.algorithm.key_form().map_or(PUBLIC, |_| KEY);
        match verifier(&scheme, key) {
            Some(verifier) => (scheme, verifier),
            None => panic!("the key serves {}", scheme.name),
        }
    })
}

/// Returns whether a verifier with the shared key accepts the request.
pub(super) fn accepts(scheme: &Scheme, headers: &HeaderMap, body: &[u8]) -> bool {
    verifier(scheme, KEY).is_some_and(|verifier| verifier.verify(headers, body).is_ok())
}

/// Checks the body as a whole and in chunks, which must give the same result.
fn verdict(
    verifier: &Verifier,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<SignatureMatch, VerifyError> {
    let whole = verifier.verify(headers, body);
    if let Ok(signed) = verifier.check_headers(headers) {
        let mut check = verifier.begin_body(&signed);
        for piece in body.chunks(1 + body.len() % 67) {
            check.update(piece);
        }
        assert_eq!(check.finish(), whole);
    }
    whole
}

/// No preset accepts headers without a signature of its key.
pub(crate) fn nothing_unsigned_is_accepted(headers: &HeaderMap, body: &[u8]) {
    for (scheme, verifier) in verifiers() {
        let verdict = verdict(&verifier, headers, body);
        assert!(verdict.is_err(), "{}: {headers:?}", scheme.name);
    }
}

/// Every preset accepts the signed body, and no other body under the same headers.
pub(crate) fn only_the_signed_body_is_accepted(body: &[u8], other: &[u8]) {
    for (scheme, verifier) in verifiers() {
        let (Ok(signer), Ok(id)) = (Signer::new(scheme.clone(), [KEY]), MessageId::new("msg_1"))
        else {
            continue;
        };
        let mut headers = HeaderMap::new();
        signer.sign_at(&id, NOW, body).apply(&mut headers);
        let genuine = verdict(&verifier, &headers, body);
        assert!(genuine.is_ok(), "{}: {genuine:?}", scheme.name);
        if body != other {
            let forged = verdict(&verifier, &headers, other);
            assert_eq!(forged, Err(VerifyError::Mismatch), "{}", scheme.name);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_body_is_not_taken_for_another(body in "[a.:]{0,4}", other in "[a.:]{0,4}") {
            only_the_signed_body_is_accepted(body.as_bytes(), other.as_bytes());
            nothing_unsigned_is_accepted(&HeaderMap::new(), body.as_bytes());
        }
    }
}
