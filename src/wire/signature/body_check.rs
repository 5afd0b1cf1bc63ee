//! Streaming check of a body.

use std::fmt;

use super::algorithm::RunningCheck;
use super::verifier::{CheckedHeaders, Inner, SignatureMatch, Verifier};
use super::verify_error::VerifyError;

/// Streaming check of a body under every key; [`Verifier::begin_body`] creates it.
///
/// The boundaries of the chunks do not affect the result.
#[must_use = "call `finish` to check the body"]
pub struct BodyCheck<'a> {
    verifier: &'a Inner,
    signed: &'a CheckedHeaders<'a>,
    /// The first key needs no allocation: most receivers have one secret.
    first: Option<(usize, RunningCheck)>,
    others: Vec<(usize, RunningCheck)>,
    /// The message so far, if the algorithm needs a contiguous one.
    message: Option<Vec<u8>>,
}

impl Verifier {
    /// Starts the streaming check of a body, after the check of the headers.
    ///
    /// The memory does not grow with the body, except for [Ed25519], which needs a contiguous message.
    ///
    /// ```
    /// # use http::HeaderMap;
    /// # use tower_auth_sync::scheme::Scheme;
    /// # use tower_auth_sync::signature::{SignatureMatch, Verifier, VerifyError};
    /// fn verify<'b>(
    ///     verifier: &Verifier,
    ///     headers: &HeaderMap,
    ///     chunks: impl Iterator<Item = &'b [u8]>,
    /// ) -> Result<SignatureMatch, VerifyError> {
    ///     let signed = verifier.check_headers(headers)?;
    ///     let mut body = verifier.begin_body(&signed);
    ///     for chunk in chunks {
    ///         body.update(chunk);
    ///     }
    ///     body.finish()
    /// }
    /// ```
    ///
    /// [Ed25519]: crate::wire::scheme::Scheme::standard_webhooks_v1a
    pub fn begin_body<'a>(&'a self, signed: &'a CheckedHeaders<'a>) -> BodyCheck<'a> {
        BodyCheck::new(&self.0, signed)
    }
}

impl<'a> BodyCheck<'a> {
    fn new(verifier: &'a Inner, signed: &'a CheckedHeaders<'a>) -> Self {
        let rendered = verifier.rendered(signed);
        let keys = verifier.valid_keys(signed);
        let mut running = keys.map(|(index, key)| (index, key.begin(&rendered)));
        Self {
            verifier,
            signed,
            first: running.next(),
            others: running.collect(),
            message: verifier.scheme.algorithm.contiguous_start(&rendered),
        }
    }

    /// Adds the next chunk of the body, which may be empty.
    pub fn update(&mut self, chunk: &[u8]) {
        for (_, running) in self.first.iter_mut().chain(&mut self.others) {
            running.update(chunk);
        }
        if let Some(message) = &mut self.message {
            message.extend_from_slice(chunk);
        }
    }

    /// Returns the match if the chunks are the signed body.
    ///
    /// # Errors
    ///
    /// [`VerifyError::Mismatch`], as [`Verifier::check_body`].
    pub fn finish(self) -> Result<SignatureMatch, VerifyError> {
        let message = self.message.unwrap_or_default();
        let mut matching = None;
        for (index, running) in self.first.into_iter().chain(self.others) {
            let found = self.verifier.is_signed(running, self.signed, &message);
            matching = matching.or(found.then_some(index));
        }
        self.signed.result_for(matching)
    }
}

impl fmt::Debug for BodyCheck<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BodyCheck")
            .field("signed", &self.signed)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;
    use proptest::prelude::*;

    use crate::base::clock::{UnixMillis, UnixTime};
    use crate::base::id::MessageId;
    use crate::testing::ManualClock;
    use crate::wire::scheme::{Scheme, TimeUnit};
    use crate::wire::signature::signer::Signer;
    use crate::wire::signature::verifier::Verifier;
    use crate::wire::signature::verify_error::VerifyError;

    const NOW: UnixTime = UnixTime::from_secs(1_750_000_000);
    const SECRETS: [&str; 3] = [
        "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
        "whsec_ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA=",
        "whsec_YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXphYmNkZWY=",
    ];

    /// Every preset with shared keys, and one with text, time and id behind the body.
    fn schemes() -> Vec<Scheme> {
        let behind = Scheme::custom("behind", "x-signature")
            .timestamp_header("x-time", TimeUnit::Seconds)
            .id_header("x-id")
            .content("<{body}>:{t}:{id}!")
            .build();
        let shared = Scheme::presets().filter(|scheme| scheme.algorithm.key_form().is_some());
        shared.chain([behind.unwrap()]).collect()
    }

    fn verifier(scheme: Scheme, secrets: &[String]) -> Verifier {
        let builder = Verifier::builder(scheme).clock(ManualClock::at(NOW));
        let with = |builder: crate::wire::signature::builder::VerifierBuilder, secret: &String| {
            builder.secret(secret.as_str()).unwrap()
        };
        secrets.iter().fold(builder, with).build().unwrap()
    }

    fn signed(scheme: Scheme, secret: &str, body: &[u8]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let id = MessageId::new("msg_1").unwrap();
        let signer = Signer::new(scheme, [secret]).unwrap();
        signer.sign_at(&id, NOW, body).apply(&mut headers);
        headers
    }

    /// The verdict on `body`, cut behind every one of `cuts`, must be the one on the whole of it.
    fn assert_same(verifier: &Verifier, headers: &HeaderMap, body: &[u8], cuts: &[usize]) {
        let signed = verifier.check_headers(headers).unwrap();
        let whole = verifier.check_body(&signed, body);
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (body.len() + 1)).collect();
        cuts.extend([0, body.len()]);
        cuts.sort_unstable();
        let mut check = verifier.begin_body(&signed);
        cuts.windows(2)
            .for_each(|cut| check.update(&body[cut[0]..cut[1]]));
        assert_eq!(check.finish(), whole, "{}", verifier.scheme().name());
    }

    #[test]
    fn a_body_without_a_piece_is_an_empty_one() {
        for scheme in schemes() {
            let headers = signed(scheme.clone(), SECRETS[0], b"");
            let verifier = verifier(scheme, &SECRETS.map(String::from));
            let headers = verifier.check_headers(&headers).unwrap();
            assert_eq!(
                verifier.begin_body(&headers).finish().unwrap().key_index(),
                0
            );
        }
    }

    #[test]
    fn a_secret_that_has_ended_judges_no_piece() {
        let scheme = Scheme::standard_webhooks();
        let builder = Verifier::builder(scheme.clone()).clock(ManualClock::at(NOW));
        let ended = builder.secret_until(SECRETS[0], UnixMillis::from(NOW));
        let verifier = ended.unwrap().secret(SECRETS[1]).unwrap().build().unwrap();
        for (secret, verdict) in [(0, Err(VerifyError::Mismatch)), (1, Ok(1))] {
            let headers = signed(scheme.clone(), SECRETS[secret], b"{}");
            let headers = verifier.check_headers(&headers).unwrap();
            let mut check = verifier.begin_body(&headers);
            check.update(b"{}");
            assert_eq!(check.finish().map(|verified| verified.key_index()), verdict);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_body_in_pieces_is_judged_as_the_whole(
            body in proptest::collection::vec(any::<u8>(), 0..300),
            cuts in proptest::collection::vec(any::<usize>(), 0..8),
            right in 0_usize..4,
            changed in any::<Option<usize>>(),
        ) {
            for scheme in schemes() {
                let secret = SECRETS.get(right).copied().unwrap_or("whsec_bm9uZSBvZiB0aGUgc2VjcmV0cyB0aGF0IGFyZSBrbm93bg==");
                let headers = signed(scheme.clone(), secret, &body);
                let verifier = verifier(scheme, &SECRETS.map(String::from));
                let mut body = body.clone();
                if let Some(at) = changed && !body.is_empty() {
                    let at = at % body.len();
                    body[at] ^= 1;
                }
                assert_same(&verifier, &headers, &body, &cuts);
            }
        }
    }

    #[cfg(feature = "ed25519")]
    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]

        #[test]
        fn so_is_one_under_a_public_key(
            body in proptest::collection::vec(any::<u8>(), 0..300),
            cuts in proptest::collection::vec(any::<usize>(), 0..8),
            right in 0_usize..3,
        ) {
            // The first two private keys carry the public keys below.
            const PRIVATE: [&str; 3] = [
                "whsk_AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQGKiOPddAnxlf1S2y08ul1yymcJvx2UEhvzdIgBtA9vXA==",
                "whsk_AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgKBOXcOqH0XX1ajVGbDTH7My42KkbTuN6Jd9g9bj8mzlA==",
                "whsk_nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=",
            ];
            const PUBLIC: [&str; 2] = [
                "whpk_iojj3XQJ8ZX9UtstPLpdcspnCb8dlBIb83SIAbQPb1w=",
                "whpk_gTl3Dqh9F19Wo1Rmw0x+zMuNipG07jeiXfYPW4/Js5Q=",
            ];
            let scheme = Scheme::standard_webhooks_v1a();
            let headers = signed(scheme.clone(), PRIVATE[right], &body);
            let verifier = verifier(scheme, &PUBLIC.map(String::from));
            assert_same(&verifier, &headers, &body, &cuts);
            let verdict = verifier.verify(&headers, &body).map(|verified| verified.key_index());
            prop_assert_eq!(verdict, [Ok(0), Ok(1), Err(VerifyError::Mismatch)][right].clone());
        }
    }
}
