//! Ed25519: the receiver has only the public key, and can forge nothing.

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, ParsedPublicKey};
use base64ct::{Base64, Encoding as _};
use zeroize::Zeroizing;

use super::Algorithm;
use crate::signature::config_error::ConfigError;
use crate::signature::encoding::SignatureEncoding;
use crate::signature::grammar::{Grammar, Parsed};
use crate::signature::scheme::Scheme;

/// A public key, parsed once.
pub(crate) struct PublicKey(ParsedPublicKey);

/// A private key.
pub(crate) struct PrivateKey(Ed25519KeyPair);

impl Scheme {
    /// Standard Webhooks 1.0, asymmetric signatures: Ed25519, with public keys as `whpk_…`.
    ///
    /// The receiver's secret is the sender's public key, which lets nobody sign. A
    /// [`Signer`](crate::signature::Signer) takes the private key, `whsk_` and the base64 of the
    /// 32-byte seed or of seed and public key. Symmetric `v1` signatures are passed over.
    ///
    /// The library takes the message in one piece. So [`Verifier::verify`] and
    /// [`Verifier::begin_body`] copy the body once; `VerifyWebhookLayer` reads it into its place behind
    /// the signed id and time, and holds it once.
    ///
    /// [`Verifier::verify`]: crate::signature::Verifier::verify
    /// [`Verifier::begin_body`]: crate::signature::Verifier::begin_body
    #[must_use]
    pub const fn standard_webhooks_v1a() -> Self {
        Self {
            name: "standard-webhooks-v1a",
            grammar: Grammar::List { version: "v1a" },
            algorithm: Algorithm::Ed25519,
            ..Self::standard_webhooks()
        }
    }
}

impl PublicKey {
    /// Reads `whpk_` and the base64 of 32 bytes.
    pub(super) fn read(index: usize, text: &str) -> Result<Self, ConfigError> {
        let key = decode("whpk_", text).filter(|bytes| bytes.len() == PUBLIC_LEN);
        let key = key.and_then(|bytes| ParsedPublicKey::new(&ED25519, bytes.as_slice()).ok());
        key.map(Self).ok_or(ConfigError::NotPublicKey { index })
    }

    /// Returns whether one of the texts is a signature of the message.
    pub(super) fn signed(
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
    /// Reads `whsk_` and the base64 of the 32-byte seed, with the public key behind it or without.
    pub(super) fn read(index: usize, text: &str) -> Result<Self, ConfigError> {
        let read = || {
            let bytes = decode("whsk_", text)?;
            let (seed, public) = bytes.split_at_checked(SEED_LEN)?;
            let pair = Ed25519KeyPair::from_seed_unchecked(seed).ok()?;
            let same = public.is_empty() || public == pair.public_key().as_ref();
            same.then_some(Self(pair))
        };
        read().ok_or(ConfigError::NotPrivateKey { index })
    }

    pub(super) fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.0.sign(message).as_ref().to_vec()
    }
}

fn decode(prefix: &str, text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let bytes = Base64::decode_vec(text.strip_prefix(prefix)?).ok()?;
    Some(Zeroizing::new(bytes))
}

const PUBLIC_LEN: usize = 32;
const SEED_LEN: usize = 32;
const SIGNATURE_LEN: usize = 64;

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::*;
    use crate::clock::UnixTime;
    use crate::id::MessageId;
    use crate::signature::{Signer, Verifier, VerifyError};
    use crate::testing::ManualClock;

    const NOW: UnixTime = UnixTime::from_secs(1_750_000_000);

    fn text(prefix: &str, bytes: &[u8]) -> String {
        [prefix, &Base64::encode_string(bytes)].concat()
    }

    /// A seed, its secret and its public key as they are handed out.
    fn keys(seed: u8) -> (String, String) {
        let seed = [seed; SEED_LEN];
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).unwrap();
        let public = text("whpk_", pair.public_key().as_ref());
        (text("whsk_", &seed), public)
    }

    fn signed(secrets: &[&str], body: &[u8]) -> HeaderMap {
        let secrets = secrets.iter().copied();
        let signer = Signer::new(Scheme::standard_webhooks_v1a(), secrets).unwrap();
        let mut headers = HeaderMap::new();
        let id = MessageId::new("msg_1").unwrap();
        signer.sign(&id, NOW, body).apply(&mut headers);
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
        assert_eq!(verified.unwrap().key(), 0);
        let both = verifier(&[&old_public, &new_public]);
        assert_eq!(
            both.verify(&signed(&[&new], b"{}"), b"{}").unwrap().key(),
            1
        );
        let changed = both.verify(&headers, b"{ }");
        assert_eq!(changed, Err(VerifyError::Mismatch));
    }

    #[test]
    fn a_private_key_may_carry_its_own_public_key_and_no_other() {
        let seed = [7; SEED_LEN];
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).unwrap();
        let with = |public: &[u8]| text("whsk_", &[&seed, public].concat());
        let build = |text: String| Signer::new(Scheme::standard_webhooks_v1a(), [text]);
        assert!(build(with(pair.public_key().as_ref())).is_ok());
        for wrong in [
            with(&[7; 32]),
            with(&[7]),
            text("whpk_", &seed),
            text("", &seed),
        ] {
            let error = build(wrong).unwrap_err();
            assert_eq!(error, ConfigError::NotPrivateKey { index: 0 });
        }
    }

    #[test]
    fn only_a_public_key_can_verify() {
        let (private, public) = keys(1);
        let build = |text: &str| Verifier::new(Scheme::standard_webhooks_v1a(), [text]);
        assert!(build(&public).is_ok());
        for wrong in [&private, &public[5..], "whpk_AAAA", "whsec_AAAA", "whpk_?"] {
            let error = build(wrong).unwrap_err();
            assert_eq!(error, ConfigError::NotPublicKey { index: 0 });
        }
    }
}
