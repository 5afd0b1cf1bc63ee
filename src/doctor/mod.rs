//! Explains refused requests by trying known faults.

mod bodies;
mod budget;
mod candidate_keys;
mod case;
mod diagnosis;
mod rewrite;
mod string_units;
mod strings;

#[cfg(test)]
mod tests;

use http::HeaderMap;

use self::case::Case;
pub use self::diagnosis::{BodyChange, Diagnosis, SecretForm};
use crate::base::clock::UnixMillis;
use crate::base::secret::Secret;
use crate::wire::scheme::Scheme;
use crate::wire::signature::{DatedSecret, Verifier};

/// Explains why a request was refused: the changes with which `scheme` and one of `secrets` accept it
/// at `now`. `secrets` may contain more than the verifier's secrets.
///
/// Tries single changes, then pairs of them:
///
/// * another form of the key, or another encoding of the signature;
/// * a secret damaged on either side;
/// * the body before a rewrite of white space, escapes in strings or a byte order mark;
/// * another preset.
///
/// With each it tries the unit of the time and the clocks. The items of the result explain the refusal
/// together; the result is never empty. [`Secret::verbatim`] takes a secret that
/// [`Secret::new`] refuses as damaged.
///
/// Reads no clock and has no side effects. Reads, rewrites and hashes at most 64 MiB in total. Keeps
/// one rewritten body in memory at a time, of at most four times the length of `body` (or 4 KiB). Skips
/// longer bodies, other JSON forms of more than 1 MiB, and sorted keys in more than 64 KiB. The worst
/// request costs as much as hashing 64 MiB: too much to run for each request from the network.
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
///     .sign_at(&MessageId::new("msg_1")?, now, b"{\"a\":1}")
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
/// For operators only: the explanation helps a forger. It contains no secret and no payload.
#[must_use]
pub fn diagnose(
    scheme: &Scheme,
    secrets: &[Secret],
    headers: &HeaderMap,
    body: &[u8],
    now: UnixMillis,
) -> Vec<Diagnosis> {
    let secrets: Vec<DatedSecret> = secrets.iter().cloned().map(DatedSecret::from).collect();
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
    /// Explains why a request was refused: the changes with which this verifier accepts it.
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
