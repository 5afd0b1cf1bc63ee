//! What the doctor can say.

use std::fmt;
use std::time::Duration;

use crate::base::secret::SecretDamage;
use crate::wire::scheme::SignatureEncoding;
use crate::wire::scheme::{Seconds, TimeUnit};
use crate::wire::signature::VerifyError;

/// One thing that stood between a request and its acceptance.
///
/// `Display` is a sentence for operators that names what to do. It holds no secret, no signature and
/// nothing of the payload; secrets are named by their place, counted from 0.
#[non_exhaustive]
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Diagnosis {
    /// Nothing is wrong with the request: this configured secret accepts it.
    Accepted {
        /// The secret's place.
        secret: usize,
    },
    /// Nothing is wrong but that this secret has ended.
    SecretEnded {
        /// The secret's place.
        secret: usize,
    },
    /// The headers are missing or malformed, and make sense in no other known scheme.
    Headers(VerifyError),
    /// The sender makes another key of this secret's text.
    KeyForm {
        /// The secret's place.
        secret: usize,
        /// What the sender makes of it.
        used: SecretForm,
    },
    /// The configured secret is damaged: the sender's is the same without the damage. Where nothing
    /// explains the request, each damaged secret is named so.
    SecretDamaged {
        /// The secret's place.
        secret: usize,
        /// What happened to it.
        damage: SecretDamage,
    },
    /// The sender signs with this secret, damaged.
    SenderSecretDamaged {
        /// The secret's place.
        secret: usize,
        /// What happened to the sender's.
        damage: SecretDamage,
    },
    /// The signature is written in another way than the scheme reads.
    Encoding {
        /// How it is written.
        used: SignatureEncoding,
    },
    /// The body was changed between the sender and the verifier.
    Body(BodyChange),
    /// The request is signed by the rules of another preset.
    Scheme {
        /// The preset's name.
        name: &'static str,
    },
    /// The time is right in another unit.
    Unit {
        /// What the sender counts.
        used: TimeUnit,
    },
    /// The signature is right and its time is not.
    ClockSkew {
        /// How far the request's time lies ahead of this side's clock, or behind it if negative, in
        /// milliseconds.
        millis: i64,
        /// How far it may lie, on either side.
        tolerance: Duration,
    },
    /// This side's clock reads 1970.
    ClockNotSet,
    /// Nothing that is known to go wrong explains the request.
    Unexplained,
}

/// What a sender makes of a secret's text.
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

/// What happened to a body after it was signed.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum BodyChange {
    /// A line end was put behind it.
    LineEndAdded,
    /// A line end behind it was taken off.
    LineEndRemoved,
    /// A byte order mark was put in front of it.
    ByteOrderMarkAdded,
    /// A byte order mark in front of it was taken off.
    ByteOrderMarkRemoved,
    /// It was signed as JSON without white space.
    SignedCompact,
    /// It was signed as JSON with a space behind each comma and colon, as Python writes it.
    SignedSpaced,
    /// It was signed as indented JSON.
    SignedIndented,
    /// It was signed as JSON without white space and with sorted keys.
    SignedSorted,
    /// It was signed as JSON with characters beyond ASCII escaped, such as `\u00eb` for `ë`, as Python
    /// and PHP write it.
    SignedEscaped,
    /// It was signed as JSON with characters beyond ASCII as they are.
    SignedUnescaped,
    /// It was signed as JSON with `\/` for `/`, as PHP and Swift write it.
    SignedSlashesEscaped,
    /// It was signed as JSON with slashes as they are.
    SignedSlashesUnescaped,
    /// It was signed as JSON with ASCII characters escaped, such as `\u003c` for `<`, as Go, .NET and
    /// Rails write it.
    SignedAsciiEscaped,
    /// It was signed as JSON with ASCII characters such as `<` as they are.
    SignedAsciiUnescaped,
    /// It was signed as JSON with the same characters escaped in another way: `\u00EB` for `\u00eb`,
    /// `\u0008` for `\b`.
    SignedOtherEscapes,
}

impl fmt::Display for Diagnosis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accepted { secret } => write!(
                f,
                "nothing is wrong with the request: the secret at index {secret} accepts it; give \
                 the verifier that refused it this secret"
            ),
            Self::SecretEnded { secret } => write!(
                f,
                "the request is signed with the secret at index {secret}, which has ended: move the \
                 sender to the new secret, or let the old one end later"
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
                "the signature is right but written in {}: choose the scheme or the \
                 `SignatureEncoding` that reads it",
                encoding_name(*used)
            ),
            Self::Body(change) => write!(
                f,
                "body: {change}: verify the very bytes that came, before anything parses or rewrites them"
            ),
            Self::Scheme { name } => write!(
                f,
                "the request is signed by the rules of the scheme `{name}`: verify it with that"
            ),
            Self::Unit { used } => write!(
                f,
                "the sender counts time in {}: choose the scheme or the `TimeUnit` that does",
                unit_name(*used)
            ),
            Self::ClockSkew { millis, tolerance } => clock_skew(*millis, *tolerance, f),
            Self::ClockNotSet => f.write_str("this machine's clock reads 1970: set it"),
            Self::Unexplained => f.write_str(UNEXPLAINED),
        }
    }
}

const HEADERS: &str = "compare what the sender writes with the scheme, and see whether a proxy drops or \
                       doubles headers";

const UNEXPLAINED: &str = "no configured secret, in any known form and scheme, made this signature of \
                           this body: compare the secret with the one that the sender shows, and see \
                           whether anything on the way changes the body; or the request is forged";

fn key_form(secret: usize, used: SecretForm, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(
        f,
        "the sender keys with {used} of the secret at index {secret}: choose the scheme or the \
         `KeyForm` that does, or change the secret's text accordingly"
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
            "the request was held up or repeated, the sender's clock is slow or this one fast",
        )
    };
    write!(
        f,
        "the signature is right, but its time is {amount} s {side} this machine's clock, and \
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
