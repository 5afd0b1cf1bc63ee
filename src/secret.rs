//! Secrets as a type that cannot be printed, logged, serialized or left in memory.

use std::convert::Infallible;
use std::env;
use std::fmt;
use std::sync::Arc;

use base64ct::{Base64, Encoding};
use zeroize::Zeroizing;

use crate::entropy::{Entropy, random};

/// The text of a secret, as it was handed out: `whsec_…`, or whatever the sender shows.
///
/// Prints as `Secret(..)`, is zeroed when the last copy goes, and copies share one allocation.
/// It has no `Serialize` and no `PartialEq`.
#[derive(Clone)]
pub struct Secret(Arc<Zeroizing<String>>);

impl Secret {
    /// Takes the secret's text.
    ///
    /// Its strength is judged where the scheme is known, in
    /// [`Verifier::new`](crate::signature::Verifier::new).
    ///
    /// # Errors
    ///
    /// [`SecretError::Empty`], and [`SecretError::Whitespace`] for a space at either end, and for a
    /// line end or another control character anywhere: usually a newline left by `echo` or a secrets
    /// file. Spaces between words are part of the secret.
    pub fn new(text: impl Into<String>) -> Result<Self, SecretError> {
        let text = Zeroizing::new(text.into());
        if text.is_empty() {
            return Err(SecretError::Empty);
        }
        let outer = text.starts_with(' ') || text.ends_with(' ');
        if outer
            || text
                .chars()
                .any(|c| c != ' ' && (c.is_whitespace() || c.is_control()))
        {
            return Err(SecretError::Whitespace);
        }
        Ok(Self(Arc::new(text)))
    }

    /// Reads the secret from the environment variable `name`.
    ///
    /// # Errors
    ///
    /// [`SecretError::NotSet`] or [`SecretError::NotUnicode`], which name the variable, and
    /// [`SecretError::InVariable`] around what [`new`](Self::new) refuses.
    pub fn from_env(name: &str) -> Result<Self, SecretError> {
        let text = env::var(name).map_err(|err| match err {
            env::VarError::NotPresent => SecretError::NotSet { name: name.into() },
            env::VarError::NotUnicode(_) => SecretError::NotUnicode { name: name.into() },
        })?;
        Self::new(text).map_err(|source| SecretError::InVariable {
            name: name.into(),
            source: Box::new(source),
        })
    }

    /// Makes a new secret: `whsec_` and the base64 of 32 random bytes, which every scheme that reads
    /// `whsec_` secrets takes.
    #[must_use]
    pub fn generate(entropy: &dyn Entropy) -> Self {
        let key = Zeroizing::new(random::<32>(entropy));
        let encoded = Zeroizing::new(Base64::encode_string(key.as_slice()));
        let mut text = Zeroizing::new(String::with_capacity(6 + encoded.len()));
        text.push_str("whsec_");
        text.push_str(&encoded);
        Self(Arc::new(text))
    }

    /// Returns the text; only code that signs, verifies or encrypts may ask.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl TryFrom<&str> for Secret {
    type Error = SecretError;

    fn try_from(text: &str) -> Result<Self, SecretError> {
        Self::new(text)
    }
}

impl TryFrom<String> for Secret {
    type Error = SecretError;

    fn try_from(text: String) -> Result<Self, SecretError> {
        Self::new(text)
    }
}

/// Why a text cannot be a secret.
#[non_exhaustive]
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum SecretError {
    /// There is no text.
    #[error("the secret is empty")]
    Empty,
    /// There is a space at an end, or other white space or a control character in it.
    #[error(
        "the secret contains white space or a control character; is there a newline at its end?"
    )]
    Whitespace,
    /// The environment variable does not exist.
    #[error("{name} is not set")]
    NotSet {
        /// The variable.
        name: Box<str>,
    },
    /// The environment variable is not Unicode.
    #[error("{name} is not valid Unicode")]
    NotUnicode {
        /// The variable.
        name: Box<str>,
    },
    /// The environment variable holds a text that is no secret.
    #[error("{name} holds no usable secret")]
    InVariable {
        /// The variable.
        name: Box<str>,
        /// What is wrong with its text.
        source: Box<Self>,
    },
}

impl From<Infallible> for SecretError {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_prints_nothing_of_itself() {
        let secret = Secret::new("whsec_super-secret-text").unwrap();
        assert_eq!(format!("{secret:?}"), "Secret(..)");
    }

    #[test]
    fn white_space_and_emptiness_are_refused() {
        for (text, expected) in [
            ("", SecretError::Empty),
            ("abc\n", SecretError::Whitespace),
            (" abc", SecretError::Whitespace),
            ("abc ", SecretError::Whitespace),
            (" ", SecretError::Whitespace),
            ("a\tb", SecretError::Whitespace),
            ("a\u{a0}b", SecretError::Whitespace),
            ("a\0b", SecretError::Whitespace),
        ] {
            assert_eq!(Secret::new(text).unwrap_err(), expected, "{text:?}");
        }
        assert!(Secret::new("It's a Secret to Everybody").is_ok());
    }

    #[test]
    fn a_missing_variable_is_named() {
        let err = Secret::from_env("TAS_NO_SUCH_VARIABLE").unwrap_err();
        assert_eq!(err.to_string(), "TAS_NO_SUCH_VARIABLE is not set");
    }
}
