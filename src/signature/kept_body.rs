//! Judging a body while it comes, for who keeps it: no body is then held twice.

use super::body_check::BodyCheck;
use super::verifier::{SignedHeaders, Verified, Verifier};
use super::verify_error::VerifyError;

impl Verifier {
    /// As [`begin_body`](Self::begin_body), for a caller that keeps the pieces behind the bytes
    /// returned, which mostly are none, and ends with [`BodyCheck::finish_kept`].
    pub(crate) fn begin_kept_body<'a>(
        &'a self,
        signed: &'a SignedHeaders<'a>,
    ) -> (BodyCheck<'a>, Vec<u8>) {
        let lead = self.0.scheme.algorithm.lead(&self.0.filling(signed));
        (BodyCheck::of_kept(&self.0, signed), lead)
    }
}

impl BodyCheck<'_> {
    /// As [`finish`](Self::finish); `kept` is all pieces, behind what they were to be put behind.
    pub(crate) fn finish_kept(self, kept: &[u8]) -> Result<Verified, VerifyError> {
        self.judge(kept)
    }
}
