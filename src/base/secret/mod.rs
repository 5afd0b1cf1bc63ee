//! Secrets as a type that is never printed, logged or serialized, and that is zeroed in memory.

mod damage;
mod forms;
mod placeholder;
mod undo;

use std::convert::Infallible;
use std::env;
use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

pub use self::damage::SecretDamage;
use self::placeholder::is_guessable;
use super::entropy::{Entropy, SystemEntropy, random};

/// The text of a secret as the sender shows it, such as `whsec_…`.
///
/// Prints as `Secret(..)`. Copies share one allocation, which the last drop zeroes. The type has no
/// `Serialize` and no `PartialEq`.
#[derive(Clone)]
pub struct Secret(Arc<Zeroizing<String>>);

impl Secret {
    /// Checks and wraps the secret's text.
    ///
    /// [`Verifier::new`](crate::wire::signature::Verifier::new) checks the length of the key, since
    /// that depends on the scheme.
    ///
    /// ```
    /// use tower_auth_sync::secret::{Secret, SecretError};
    ///
    /// assert!(Secret::new("whsec_MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1u").is_ok());
    /// let placeholder = Secret::new("replace-with-a-long-random-secret");
    /// assert_eq!(placeholder.unwrap_err(), SecretError::Placeholder);
    /// ```
    ///
    /// # Errors
    ///
    /// * [`SecretError::Empty`].
    /// * [`SecretError::Damaged`] for a text that a file, a variable or a clipboard damaged, as
    ///   [`SecretDamage`] lists it: quotes around the text, a line end behind it, the variable's name
    ///   in front of it. The same characters inside the text, such as spaces between words, are part
    ///   of a secret. [`verbatim`](Self::verbatim) takes a text that only looks damaged.
    /// * [`SecretError::Placeholder`] for a placeholder of documentation, such as
    ///   `replace-with-a-long-random-secret` or `changeme`, for one character repeated, and for base64
    ///   of one byte repeated, each also behind `whsec_` or `v1,whsec_` and in any letter case.
    pub fn new(text: impl Into<String>) -> Result<Self, SecretError> {
        let secret = Self::verbatim(text)?;
        match secret.damage() {
            Some(damage) => Err(SecretError::Damaged(damage)),
            None if is_guessable(&secret.0) => Err(SecretError::Placeholder),
            None => Ok(secret),
        }
    }

    /// Wraps the secret's text unchecked: for senders whose secret has quotes of its own, for stores,
    /// and for [`diagnose`](crate::doctor::diagnose).
    ///
    /// # Security
    ///
    /// Accepts placeholders and single characters repeated, which anybody can guess.
    ///
    /// # Errors
    ///
    /// [`SecretError::Empty`].
    pub fn verbatim(text: impl Into<String>) -> Result<Self, SecretError> {
        let text = Zeroizing::new(text.into());
        if text.is_empty() {
            return Err(SecretError::Empty);
        }
        Ok(Self(Arc::new(text)))
    }

    /// Returns the outermost damage that a file, a variable or a clipboard did to the text.
    #[must_use]
    pub fn damage(&self) -> Option<SecretDamage> {
        SecretDamage::find(&self.0).map(|(damage, _)| damage)
    }

    /// Reads the secret from the environment variable `name`.
    ///
    /// ```no_run
    /// use tower_auth_sync::secret::Secret;
    ///
    /// let secret = Secret::from_env("WEBHOOK_SECRET")?;
    /// # Ok::<(), tower_auth_sync::secret::SecretError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`SecretError::NotSet`], [`SecretError::NotUnicode`], or [`SecretError::InVariable`] around an
    /// error of [`new`](Self::new). Each names the variable.
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

    /// Generates a secret: `whsec_` and the base64 of 32 random bytes. Every scheme with `whsec_`
    /// secrets accepts it.
    ///
    /// ```
    /// use tower_auth_sync::scheme::Scheme;
    /// use tower_auth_sync::secret::Secret;
    /// use tower_auth_sync::signature::Verifier;
    ///
    /// let secret = Secret::generate();
    /// assert!(Verifier::new(Scheme::banata(), [secret]).is_ok());
    /// ```
    #[must_use]
    pub fn generate() -> Self {
        Self::generate_with(&SystemEntropy)
    }

    /// Generates a secret as [`generate`](Self::generate), from `entropy`.
    #[must_use]
    pub fn generate_with(entropy: &dyn Entropy) -> Self {
        let key = Zeroizing::new(random::<32>(entropy));
        let encoded = Zeroizing::new(STANDARD.encode(key.as_slice()));
        let mut text = Zeroizing::new(String::with_capacity(6 + encoded.len()));
        text.push_str("whsec_");
        text.push_str(&encoded);
        Self(Arc::new(text))
    }

    /// Returns the text: for code that signs, verifies, encrypts or stores.
    ///
    /// # Security
    ///
    /// Whoever has the text of a shared secret can sign. Never log it.
    #[must_use]
    pub fn expose(&self) -> &str {
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
    /// The text is empty.
    #[error("the secret is empty")]
    Empty,
    /// A file, a variable or a clipboard damaged the text.
    #[error("the secret is damaged: {0}")]
    Damaged(SecretDamage),
    /// The text is a placeholder of documentation, or one character or byte repeated.
    #[error(
        "the secret is a known placeholder, or one character repeated: anybody can guess it; \
         generate one with `Secret::generate`"
    )]
    Placeholder,
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
    /// The text in the environment variable is no secret.
    #[error("{name} holds no usable secret: {source}")]
    InVariable {
        /// The variable.
        name: Box<str>,
        /// Why the text is no secret.
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
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_secret_prints_nothing_of_itself() {
        let secret = Secret::new("whsec_super-secret-text").unwrap();
        assert_eq!(format!("{secret:?}"), "Secret(..)");
    }

    #[test]
    fn an_empty_text_is_refused_and_a_damaged_one_is_taken_as_it_is_if_so_asked() {
        assert_eq!(Secret::new("").unwrap_err(), SecretError::Empty);
        assert_eq!(Secret::verbatim("").unwrap_err(), SecretError::Empty);
        let quoted = Secret::verbatim("'abc'").unwrap();
        assert_eq!(quoted.expose(), "'abc'");
        assert_eq!(quoted.damage(), Some(SecretDamage::Quoted));
    }

    #[test]
    fn a_generated_secret_is_accepted_as_a_text() {
        for _ in 0..1000 {
            let secret = Secret::generate();
            assert!(Secret::new(secret.expose()).is_ok());
        }
    }

    #[test]
    fn a_missing_variable_is_named() {
        let err = Secret::from_env("TAS_NO_SUCH_VARIABLE").unwrap_err();
        assert_eq!(err.to_string(), "TAS_NO_SUCH_VARIABLE is not set");
    }

    proptest! {
        #[test]
        fn damage_is_found_and_undone(
            text in "(\\PC|[\"'`$%{}<>=:;, \\\\nr\r\n\u{feff}]|whsec_|SECRET=|%3D){0,16}",
        ) {
            crate::fuzzing::damage_is_undone(&text);
        }

        #[test]
        fn what_providers_hand_out_is_intact(
            text in "(whsec_|shpss_)?([0-9a-f]{32,64}|[A-Za-z0-9]{24,48}|([A-Za-z0-9+/]{4}){6,16}(==)?)",
        ) {
            prop_assert!(Secret::new(text).is_ok());
        }
    }
}
