//! Why a key cannot verify tokens.

use crate::base::pem::PemError;

/// Why a key cannot verify tokens.
///
/// The texts name the wrong member and never quote its value.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum KeyRejected {
    /// The key is not a JSON object with the members of RFC 7517, or has a member twice.
    #[error("the key is not a JSON object of well-formed members")]
    Json,
    /// An environment variable, a shell or the like changed the JSON.
    #[error("the JSON is damaged: {0}")]
    Damaged(&'static str),
    /// The PEM text holds no readable public key.
    #[error(transparent)]
    Pem(#[from] PemError),
    /// A member is missing, or is not base64url without padding.
    #[error("the key's member `{0}` is missing or not base64url without padding")]
    Member(&'static str),
    /// The `kid` is empty, too long or holds a control character.
    #[error("the key's `kid` is not usable")]
    KeyId,
    /// The key carries private members. Its publisher must replace it: everyone knows it.
    #[error("the key carries private members: it is compromised")]
    Private,
    /// The key is symmetric; a key that verifies could then sign as well.
    #[error("the key is symmetric")]
    Symmetric,
    /// This crate does not support the key's type (`kty`), curve (`crv`) or form.
    #[error("the key's type or curve is not supported")]
    Type,
    /// This crate does not support the `alg`, or the `alg` does not fit the type and curve.
    #[error("the key's `alg` is not supported or does not fit its type")]
    Algorithm,
    /// The `use` is not `sig`.
    #[error("the key's `use` is not `sig`")]
    Use,
    /// The `key_ops` lack `verify`; those of a private key lack `sign`.
    #[error("the key's `key_ops` do not allow this use")]
    KeyOps,
    /// The point is not on the curve, or has a small order. An Ed25519 key that is not on the curve is
    /// taken, but verifies no token.
    #[error("the key's point is not on its curve")]
    Point,
    /// The modulus has fewer than 2048 or more than 8192 bits, or is even.
    #[error("the key's modulus must be odd and have 2048 to 8192 bits")]
    Modulus,
    /// The exponent is 1, even, or has more than 33 bits.
    #[error("the key's exponent must be odd, more than 1, and have at most 33 bits")]
    Exponent,
}

impl KeyRejected {
    /// Returns why `json` cannot be read.
    pub(super) fn of_json(json: &str) -> Self {
        json_damage(json).map_or(Self::Json, Self::Damaged)
    }
}

/// Recognizes by its first characters how a variable, a shell or a secret store changed a JSON
/// object.
pub(super) fn json_damage(text: &str) -> Option<&'static str> {
    let text = text.trim_start();
    let Some(members) = text.strip_prefix('{') else {
        let starts = [
            ("\u{feff}", "a byte order mark stands before it"),
            ("\"", "it is in quotes"),
            ("'", "it is in quotes"),
            ("`", "it is in quotes"),
            ("\\", "it is escaped"),
            ("eyJ", "it is base64"),
            ("ewo", "it is base64"),
            ("eyA", "it is base64"),
            ("ew0", "it is base64"),
            ("-----", "it is PEM, which `from_pem` reads"),
        ];
        let damage = starts.iter().find(|(start, _)| text.starts_with(start));
        return damage.map(|(_, damage)| *damage);
    };
    match members.trim_start().chars().next()? {
        '\\' => Some("it is escaped"),
        '\'' => Some("its quotes are single ones"),
        c if c.is_alphabetic() => Some("its quotes are missing"),
        _ => None,
    }
}
