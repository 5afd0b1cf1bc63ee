//! The settings of a verifier.

use std::sync::Arc;
use std::time::Duration;

use super::TokenVerifier;
use super::policy::{Policy, TokenType};
use crate::base::clock::{Clock, SystemClock};
use crate::token::algorithm::Algorithm;
use crate::token::error::TokenConfigError;
use crate::token::key_source::KeySource;

/// Settings of a [`TokenVerifier`]; made by [`TokenVerifier::builder`].
#[must_use = "call `build` to get the verifier"]
#[derive(Debug)]
pub struct TokenVerifierBuilder {
    source: Box<dyn KeySource>,
    issuer: Option<String>,
    audiences: Vec<Box<str>>,
    algorithms: Vec<Algorithm>,
    leeway: Duration,
    token_type: TokenType,
    required: Vec<Box<str>>,
    clock: Arc<dyn Clock>,
}

impl TokenVerifierBuilder {
    pub(super) fn new(source: impl KeySource) -> Self {
        Self {
            source: Box::new(source),
            issuer: None,
            audiences: Vec::new(),
            algorithms: DEFAULT_ALGORITHMS.into(),
            leeway: DEFAULT_LEEWAY,
            token_type: TokenType::default(),
            required: Vec::new(),
            clock: Arc::new(SystemClock),
        }
    }

    /// Sets the required `iss`. It is compared byte for byte: a slash at the end makes another issuer.
    /// Required.
    pub fn issuer(mut self, issuer: impl Into<String>) -> Self {
        self.issuer = Some(issuer.into());
        self
    }

    /// Adds an audience. `aud` must name one of the audiences. At least one is required.
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audiences.push(audience.into().into());
        self
    }

    /// Sets the algorithms that tokens may have. Default: `EdDSA`, `ES256`, `RS256` and `PS256`.
    ///
    /// Each key also has one algorithm, so this list only narrows. A key that names none is for the
    /// first algorithm of its type in the list: an RSA key without `alg` is for `RS256` by default,
    /// and for `PS256` if the list has it first or alone, as in `[Algorithm::Ps256]`.
    pub fn algorithms(mut self, algorithms: impl IntoIterator<Item = Algorithm>) -> Self {
        self.algorithms = algorithms.into_iter().collect();
        self
    }

    /// Sets how far the issuer's clock may differ from this one. `exp`, `nbf` and `iat` have this
    /// tolerance: 0 to 300 s. Default: 60 s.
    ///
    /// # Security
    ///
    /// A token is accepted for this long after it expired.
    pub const fn leeway(mut self, leeway: Duration) -> Self {
        self.leeway = leeway;
        self
    }

    /// Sets the required `typ`. Default: [`TokenType::Jwt`].
    pub const fn typ(mut self, token_type: TokenType) -> Self {
        self.token_type = token_type;
        self
    }

    /// Sets further required claims, which must be present and not `null`: at most 64 different ones.
    /// `exp`, `iss`, `aud` and `sub` are always required. Default: none.
    pub fn required_claims<T: Into<String>>(mut self, names: impl IntoIterator<Item = T>) -> Self {
        self.required = names.into_iter().map(|name| name.into().into()).collect();
        self
    }

    /// Sets the clock. Default: the operating system's.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Creates the verifier.
    ///
    /// # Errors
    ///
    /// [`TokenConfigError`] for a missing or empty issuer or audience, an empty list of algorithms, a
    /// leeway over 300 s, and more than 64 required claims.
    pub fn build(mut self) -> Result<TokenVerifier, TokenConfigError> {
        let issuer = self.issuer.ok_or(TokenConfigError::IssuerMissing)?;
        if issuer.is_empty() {
            return Err(TokenConfigError::IssuerEmpty);
        }
        if self.audiences.is_empty() {
            return Err(TokenConfigError::AudienceMissing);
        }
        if self.audiences.iter().any(|audience| audience.is_empty()) {
            return Err(TokenConfigError::AudienceEmpty);
        }
        if self.algorithms.is_empty() {
            return Err(TokenConfigError::NoAlgorithms);
        }
        if self.leeway > MAX_LEEWAY {
            return Err(TokenConfigError::Leeway(self.leeway));
        }
        // A claim sets one bit, that of its first position.
        self.required.sort_unstable();
        self.required.dedup();
        if self.required.len() > MAX_REQUIRED {
            return Err(TokenConfigError::RequiredClaims(self.required.len()));
        }
        let policy = Policy {
            issuer: issuer.into(),
            audiences: self.audiences.into(),
            algorithms: self.algorithms.into(),
            leeway: self.leeway,
            token_type: self.token_type,
            required: self.required.into(),
        };
        Ok(TokenVerifier::new(self.source, policy, self.clock))
    }
}

/// Algorithms allowed by default.
const DEFAULT_ALGORITHMS: [Algorithm; 4] = [
    Algorithm::EdDsa,
    Algorithm::Es256,
    Algorithm::Rs256,
    Algorithm::Ps256,
];

const DEFAULT_LEEWAY: Duration = Duration::from_secs(60);
const MAX_LEEWAY: Duration = Duration::from_secs(300);
const MAX_REQUIRED: usize = 64;
