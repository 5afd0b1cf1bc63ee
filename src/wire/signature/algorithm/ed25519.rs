//! Ed25519: the receiver has only the public key, and cannot forge a signature.

use std::sync::Arc;

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, ParsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::base::ed25519::has_small_order;
use crate::wire::scheme::{Parsed, Rendered, SignatureEncoding};
use crate::wire::signature::config_error::WebhookConfigError;

/// A public key, parsed once. Clones share it.
#[derive(Clone)]
pub(crate) struct PublicKey(Arc<ParsedPublicKey>);

/// A private key.
pub(crate) struct PrivateKey(Ed25519KeyPair);

impl PublicKey {
    /// Parses `whpk_` and the base64 of 32 bytes, which must not be a point of small order.
    pub(crate) fn read(index: usize, text: &str) -> Result<Self, WebhookConfigError> {
        let key = decode("whpk_", text)
            .filter(|bytes| bytes.len() == PUBLIC_LEN && !has_small_order(bytes));
        let key = key.and_then(|bytes| ParsedPublicKey::new(&ED25519, bytes.as_slice()).ok());
        key.map(|key| Self(Arc::new(key)))
            .ok_or(WebhookConfigError::NotPublicKey { index })
    }

    /// Returns whether one of the texts is a signature of the message.
    pub(crate) fn has_signed(
        &self,
        message: &[u8],
        parsed: &Parsed<'_>,
        encoding: SignatureEncoding,
    ) -> bool {
        let texts = parsed.signatures().iter();
        let mut signatures = texts.filter_map(|text| encoding.decode::<SIGNATURE_LEN>(text));
        signatures.any(|signature| self.0.verify_sig(message, &signature).is_ok())
    }
}

impl PrivateKey {
    /// Parses `whsk_` and the base64 of the 32-byte seed, with or without the public key behind it.
    pub(crate) fn read(index: usize, text: &str) -> Result<Self, WebhookConfigError> {
        let read = || {
            let bytes = decode("whsk_", text)?;
            let (seed, public) = bytes.split_at_checked(SEED_LEN)?;
            let pair = Ed25519KeyPair::from_seed_unchecked(seed).ok()?;
            let same = public.is_empty() || public == pair.public_key().as_ref();
            same.then_some(Self(pair))
        };
        read().ok_or(WebhookConfigError::NotPrivateKey { index })
    }

    /// Writes the public key as `whpk_` and its base64.
    #[cfg(feature = "_outbox")]
    pub(crate) fn public_text(&self) -> String {
        let public = STANDARD.encode(self.0.public_key().as_ref());
        ["whpk_", &public].concat()
    }

    pub(crate) fn sign(&self, rendered: &Rendered<'_>, body: &[u8]) -> Vec<u8> {
        let mut message = before_body(rendered);
        message.extend_from_slice(body);
        self.0.sign(&message).as_ref().to_vec()
    }
}

fn before_body(rendered: &Rendered<'_>) -> Vec<u8> {
    let mut message = Vec::new();
    rendered.before_body(|chunk| message.extend_from_slice(chunk));
    message
}

fn decode(prefix: &str, text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let bytes = STANDARD.decode(text.strip_prefix(prefix)?).ok()?;
    Some(Zeroizing::new(bytes))
}

const PUBLIC_LEN: usize = 32;
const SEED_LEN: usize = 32;
const SIGNATURE_LEN: usize = 64;

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::*;
    use crate::base::clock::UnixTime;
    use crate::base::id::MessageId;
    use crate::testing::ManualClock;
    use crate::wire::scheme::Scheme;
    use crate::wire::signature::signer::Signer;
    use crate::wire::signature::verifier::Verifier;
    use crate::wire::signature::verify_error::VerifyError;

    const NOW: UnixTime = UnixTime::from_secs(1_750_000_000);

    fn text(prefix: &str, bytes: &[u8]) -> String {
        [prefix, &STANDARD.encode(bytes)].concat()
    }

    /// Returns a seed that is not one byte repeated.
    fn seed(first: u8) -> [u8; SEED_LEN] {
        let mut seed = [first; SEED_LEN];
        seed[1..].fill(!first);
        seed
    }

    /// Returns a private key and its public key in their text form.
    fn keys(first: u8) -> (String, String) {
        let seed = seed(first);
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).unwrap();
        let public = text("whpk_", pair.public_key().as_ref());
        (text("whsk_", &seed), public)
    }

    fn signed(secrets: &[&str], body: &[u8]) -> HeaderMap {
        let secrets = secrets.iter().copied();
        let signer = Signer::new(Scheme::standard_webhooks_v1a(), secrets).unwrap();
        let mut headers = HeaderMap::new();
        let id = MessageId::new("msg_1").unwrap();
        signer.sign_at(&id, NOW, body).apply(&mut headers);
        headers
    }

    fn verifier(public: &[&str]) -> Verifier {
        let mut builder = Verifier::builder(Scheme::standard_webhooks_v1a());
        for key in public {
            builder = builder.secret(*key).unwrap();
        }
        builder.clock(ManualClock::at(NOW)).build().unwrap()
    }

    #[test]
    fn what_the_private_key_signs_the_public_key_verifies() {
        let ((old, old_public), (new, new_public)) = (keys(1), keys(2));
        let headers = signed(&[&new, &old], b"{}");
        let verified = verifier(&[&old_public]).verify(&headers, b"{}");
        assert_eq!(verified.unwrap().key_index(), 0);
        let both = verifier(&[&old_public, &new_public]);
        assert_eq!(
            both.verify(&signed(&[&new], b"{}"), b"{}")
                .unwrap()
                .key_index(),
            1
        );
        let changed = both.verify(&headers, b"{ }");
        assert_eq!(changed, Err(VerifyError::Mismatch));
    }

    #[test]
    fn a_private_key_may_carry_its_own_public_key_and_no_other() {
        let seed = seed(7);
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).unwrap();
        let with = |public: &[u8]| text("whsk_", &[&seed, public].concat());
        let build = |text: String| Signer::new(Scheme::standard_webhooks_v1a(), [text]);
        assert!(build(with(pair.public_key().as_ref())).is_ok());
        for wrong in [
            with(&[7; PUBLIC_LEN]),
            with(&[7]),
            text("whpk_", &seed),
            text("", &seed),
        ] {
            let error = build(wrong).unwrap_err();
            assert_eq!(error, WebhookConfigError::NotPrivateKey { index: 0 });
        }
    }

    #[test]
    fn only_a_public_key_can_verify() {
        let (private, public) = keys(1);
        let build = |text: &str| Verifier::new(Scheme::standard_webhooks_v1a(), [text]);
        assert!(build(&public).is_ok());
        // One signature is valid for every message under the neutral point.
        let neutral = text("whpk_", &[&[1][..], &[0; 31]].concat());
        for wrong in [
            &private,
            &public[5..],
            &neutral,
            "whpk_AAEC",
            "whsec_AAEC",
            "whpk_?!",
        ] {
            let error = build(wrong).unwrap_err();
            assert_eq!(error, WebhookConfigError::NotPublicKey { index: 0 });
        }
    }
}
