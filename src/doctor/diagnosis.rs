//! Diagnoses.

use std::fmt;
use std::time::Duration;

use crate::base::secret::SecretDamage;
use crate::wire::scheme::{Seconds, SignatureEncoding, TimeUnit};
use crate::wire::signature::VerifyError;

/// One reason for the refusal of a request.
///
/// `Display` is a sentence for operators with a remedy. It contains no secret, no signature and no part
/// of the payload, and names secrets by their index, counted from 0.
#[non_exhaustive]
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Diagnosis {
    /// The request is valid: this configured secret accepts it.
    Accepted {
        /// The index of the secret.
        secret: usize,
    },
    /// The request is valid, but this secret has ended.
    SecretEnded {
        /// The index of the secret.
        secret: usize,
    },
    /// The headers are missing or malformed, also under every other preset.
    Headers(VerifyError),
    /// The sender derives another key from this secret's text.
    KeyForm {
        /// The index of the secret.
        secret: usize,
        /// The sender's form of the key.
        used: SecretForm,
    },
    /// The configured secret is damaged, and the sender has the undamaged one. A request without another
    /// explanation gets this diagnosis for each damaged secret.
    SecretDamaged {
        /// The index of the secret.
        secret: usize,
        /// The damage.
        damage: SecretDamage,
    },
    /// The sender signs with this secret, damaged.
    SenderSecretDamaged {
        /// The index of the secret.
        secret: usize,
        /// The damage of the sender's secret.
        damage: SecretDamage,
    },
    /// The signature has another encoding than the scheme's.
    Encoding {
        /// The encoding of the signature.
        used: SignatureEncoding,
    },
    /// The body was changed between the sender and the verifier.
    Body(BodyChange),
    /// The request has a signature of another preset.
    Scheme {
        /// The preset's name.
        name: &'static str,
    },
    /// The time is right in another unit.
    Unit {
        /// The sender's unit.
        used: TimeUnit,
    },
    /// The signature matches, but its time is outside the tolerance.
    ClockSkew {
        /// The request's time minus the receiver's time, in milliseconds.
        millis: i64,
        /// The tolerance in each direction.
        tolerance: Duration,
    },
    /// The receiver's clock reads 1970.
    ClockNotSet,
    /// No known fault explains the request.
    Unexplained,
}

/// Form of the key in a secret's text.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum SecretForm {
    /// The bytes of the whole text are the key.
    WholeText,
    /// The bytes of the text after `whsec_`.
    WithoutPrefix,
    /// The bytes of `whsec_` and the text, which was configured without it.
    WithPrefix,
    /// The text after `whsec_`, decoded from base64.
    Base64,
    /// The text after `whsec_`, decoded from hex digits.
    Hex,
}

/// A change of a body after its signature.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum BodyChange {
    /// A line end was added.
    LineEndAdded,
    /// A line end was removed.
    LineEndRemoved,
    /// A byte order mark was added.
    ByteOrderMarkAdded,
    /// A byte order mark was removed.
    ByteOrderMarkRemoved,
    /// The signed body was JSON without white space.
    SignedCompact,
    /// The signed body was JSON with a space behind each comma and colon, as Python writes it.
    SignedSpaced,
    /// The signed body was indented JSON.
    SignedIndented,
    /// The signed body was JSON without white space and with sorted keys.
    SignedSorted,
    /// The signed body was JSON with characters beyond ASCII escaped, such as `\u00eb` for `ë`, as Python
    /// and PHP write it.
    SignedEscaped,
    /// The signed body was JSON with characters beyond ASCII as they are.
    SignedUnescaped,
    /// The signed body was JSON with `\/` for `/`, as PHP and Swift write it.
    SignedSlashesEscaped,
    /// The signed body was JSON with slashes as they are.
    SignedSlashesUnescaped,
    /// The signed body was JSON with ASCII characters escaped, such as `\u003c` for `<`, as Go, .NET and
    /// Rails write it.
    SignedAsciiEscaped,
    /// The signed body was JSON with ASCII characters such as `<` as they are.
    SignedAsciiUnescaped,
    /// The signed body was JSON with the same characters escaped in another way: `\u00EB` for `\u00eb`,
    /// `\u0008` for `\b`.
    SignedOtherEscapes,
}

impl fmt::Display for Diagnosis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accepted { secret } => write!(
                f,
                "the request is valid: the secret at index {secret} accepts it; add this secret to \
                 the verifier that refused it"
            ),
            Self::SecretEnded { secret } => write!(
                f,
                "the request is signed with the secret at index {secret}, which has ended: move the \
                 sender to the new secret, or extend the end of the old one"
            ),
            Self::Headers(error) => write!(f, "{error}: {HEADERS}"),
            Self::KeyForm { secret, used } => key_form(*secret, *used, f),
            Self::SecretDamaged { secret, damage } => {
                write!(
                    f,
                    "the configured secret at index {secret} is damaged: {damage}"
                )
            }
            Self::SenderSecretDamaged { secret, damage } => {
                write!(
                    f,
                    "the sender's secret at index {secret} is damaged: {damage}"
                )
            }
            Self::Encoding { used } => write!(
                f,
                "the signature matches, but its encoding is {}: choose the scheme or the \
                 `SignatureEncoding` that reads it",
                encoding_name(*used)
            ),
            Self::Body(change) => write!(
                f,
                "body: {change}: verify the received bytes, before anything parses or rewrites them"
            ),
            Self::Scheme { name } => write!(
                f,
                "the request has a signature of the scheme `{name}`: verify it with that scheme"
            ),
            Self::Unit { used } => write!(
                f,
                "the sender counts time in {}: choose the scheme or the `TimeUnit` with that unit",
                unit_name(*used)
            ),
            Self::ClockSkew { millis, tolerance } => clock_skew(*millis, *tolerance, f),
            Self::ClockNotSet => f.write_str("this machine's clock reads 1970: set it"),
            Self::Unexplained => f.write_str(UNEXPLAINED),
        }
    }
}

const HEADERS: &str = "compare the sender's headers with the scheme, and check whether a proxy drops or \
                       repeats headers";

const UNEXPLAINED: &str = "no configured secret, in any known form and scheme, made this signature of \
                           this body: compare the secret with the sender's secret, and check whether \
                           anything on the way changes the body; or the request is forged";

fn key_form(secret: usize, used: SecretForm, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(
        f,
        "the sender's key is {used} of the secret at index {secret}: choose the scheme or the \
         `KeyForm` with that form, or change the secret's text accordingly"
    )
}

fn clock_skew(millis: i64, tolerance: Duration, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let amount = Seconds(Duration::from_millis(millis.unsigned_abs()));
    let tolerance = Seconds(tolerance);
    let (side, cause) = if millis > 0 {
        ("ahead of", "the sender's clock is fast or this one slow")
    } else {
        (
            "behind",
            "the request was delayed or replayed, the sender's clock is slow or this one fast",
        )
    };
    write!(
        f,
        "the signature matches, but its time is {amount} s {side} this machine's clock, and \
         {tolerance} s are tolerated: {cause}; set both clocks by NTP before you raise the tolerance"
    )
}

const fn encoding_name(encoding: SignatureEncoding) -> &'static str {
    match encoding {
        SignatureEncoding::LowerHex => "hex digits in lower case",
        SignatureEncoding::AnyHex => "hex digits that are not all in lower case",
        SignatureEncoding::Base64 => "base64",
    }
}

const fn unit_name(unit: TimeUnit) -> &'static str {
    match unit {
        TimeUnit::Seconds => "seconds",
        TimeUnit::Milliseconds => "milliseconds",
    }
}

impl fmt::Display for SecretForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::WholeText => "the whole text, with any `whsec_`,",
            Self::WithoutPrefix => "the text after `whsec_`, not decoded,",
            Self::WithPrefix => "`whsec_` and the text, which is configured without it,",
            Self::Base64 => "what base64 decodes from the text after `whsec_`",
            Self::Hex => "what hex digits decode to, from the text",
        })
    }
}

impl fmt::Display for BodyChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::LineEndAdded => "a line end was put behind it after it was signed",
            Self::LineEndRemoved => "a line end behind it was lost after it was signed",
            Self::ByteOrderMarkAdded => "a byte order mark was put in front after it was signed",
            Self::ByteOrderMarkRemoved => "a byte order mark in front was lost after it was signed",
            Self::SignedCompact => "written anew: it was signed as JSON without white space",
            Self::SignedSpaced => {
                "written anew: it was signed as JSON with a space behind each comma and colon"
            }
            Self::SignedIndented => "written anew: it was signed as indented JSON",
            Self::SignedSorted => {
                "written anew: it was signed as JSON with sorted keys and no white space"
            }
            Self::SignedEscaped => {
                r"non-ASCII was escaped when it was signed, as in `\u00eb` for `ë`"
            }
            Self::SignedUnescaped => {
                r"non-ASCII was not escaped when it was signed, as in `ë` for `\u00eb`"
            }
            Self::SignedSlashesEscaped => r"slashes were escaped when it was signed, as in `\/`",
            Self::SignedSlashesUnescaped => "slashes were not escaped when it was signed",
            Self::SignedAsciiEscaped => {
                r"ASCII was escaped when it was signed, as in `\u003c` for `<`"
            }
            Self::SignedAsciiUnescaped => {
                r"ASCII was not escaped when it was signed, as in `<` for `\u003c`"
            }
            Self::SignedOtherEscapes => {
                r"escapes were written otherwise when it was signed, as `\u00EB` is for `\u00eb`"
            }
        })
    }
}
