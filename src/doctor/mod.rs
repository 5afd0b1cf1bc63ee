//! Why a request was refused, found by trying what is known to go wrong.

mod bodies;
mod budget;
mod case;
mod diagnosis;
mod strings;

#[cfg(test)]
mod tests;

use http::HeaderMap;

use self::case::Case;
pub use self::diagnosis::{BodyChange, Diagnosis, SecretForm};
use crate::base::clock::UnixMillis;
use crate::base::secret::Secret;
use crate::wire::scheme::Scheme;
use crate::wire::signature::{Held, Verifier};

/// Says why a request was refused: what would have to be different for it to be accepted at `now`
/// with `scheme` and one of `secrets`, which may be more than the verifier had.
///
/// Tries one change, then two together: another form of the key, another writing of the signature, a
/// secret damaged on either side, the body before it was written anew (its white space, the escapes of
/// its strings, a byte order mark), another preset; and beside each, the unit of the time and the
/// clocks. What it returns is, all together, one explanation; it is never empty. A secret that
/// [`Secret::new`] refuses as damaged is asked about by [`Secret::verbatim`].
///
/// Reads no clock and writes nothing. Reads, rewrites and hashes at most 64 MiB all together, with one
/// rewritten body in memory at a time, of at most four times the length of `body` (or 4 KiB). What
/// would be longer is not tried, nor other JSON in more than 1 MiB, nor sorted keys in more than
/// 64 KiB. So a request made to cost much costs as much as hashing 64 MiB, too much for each request
/// that a stranger sends.
///
/// ```
/// use http::HeaderMap;
/// use tower_auth_sync::clock::UnixTime;
/// use tower_auth_sync::id::MessageId;
/// use tower_auth_sync::secret::Secret;
/// use tower_auth_sync::doctor::{BodyChange, Diagnosis, diagnose};
/// use tower_auth_sync::scheme::Scheme;
/// use tower_auth_sync::signature::Signer;
///
/// let secret = Secret::new("whsec_not-a-secret-but-an-example")?;
/// let now = UnixTime::from_secs(1_750_000_000);
/// let mut headers = HeaderMap::new();
/// Signer::new(Scheme::banata(), [secret.clone()])?
///     .sign(&MessageId::new("msg_1")?, now, b"{\"a\":1}")
///     .apply(&mut headers);
///
/// let causes = diagnose(&Scheme::banata(), &[secret], &headers, b"{ \"a\": 1 }", now.into());
/// assert_eq!(causes, [Diagnosis::Body(BodyChange::SignedCompact)]);
/// println!("{}", causes[0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Security
///
/// For operators. Told to a caller it would help to forge; it holds no secret and no payload.
#[must_use]
pub fn diagnose(
    scheme: &Scheme,
    secrets: &[Secret],
    headers: &HeaderMap,
    body: &[u8],
    now: UnixMillis,
) -> Vec<Diagnosis> {
    let secrets: Vec<Held> = secrets.iter().cloned().map(Held::from).collect();
    let case = Case {
        scheme,
        secrets: &secrets,
        headers,
        body,
        now,
        tolerance: scheme.tolerance,
    };
    case.diagnose()
}

impl Verifier {
    /// Says why a request was refused: what would have to be different for it to be accepted.
    ///
    /// As [`diagnose`], with this verifier's secrets, tolerance and clock.
    #[must_use]
    pub fn diagnose(&self, headers: &HeaderMap, body: &[u8]) -> Vec<Diagnosis> {
        let case = Case {
            scheme: self.scheme(),
            secrets: &self.secrets(),
            headers,
            body,
            now: self.now(),
            tolerance: self.tolerance(),
        };
        case.diagnose()
    }
}
