//! Banata, Standard Webhooks and the senders that follow them.

use super::template::template;
use crate::wire::scheme::algorithm::SignatureAlgorithm;
use crate::wire::scheme::encoding::SignatureEncoding;
use crate::wire::scheme::grammar::Grammar;
use crate::wire::scheme::key_form::KeyForm;
use crate::wire::scheme::scheme::{DEFAULT_TOLERANCE, HeaderNames, IdSource, Scheme};
use crate::wire::scheme::template::Template;
use crate::wire::scheme::time_unit::TimeUnit;

impl Scheme {
    /// Banata's documented format, which is the emitter's default.
    ///
    /// # Security
    ///
    /// `Webhook-Id` is not signed. Our emitter repeats the id in the signed body, and that id takes
    /// precedence. The header's id counts only for a body without an id.
    #[must_use]
    pub const fn banata() -> Self {
        Self {
            name: "banata",
            family: WEBHOOK,
            fallback: None,
            grammar: T_V1,
            encoding: SignatureEncoding::LowerHex,
            content: TIME_BODY,
            algorithm: SignatureAlgorithm::HmacSha256(KeyForm::TextAfterPrefix),
            unit: TimeUnit::Seconds,
            tolerance: DEFAULT_TOLERANCE,
            id_source: IdSource::SignedBody("/id"),
            signs_once: false,
        }
    }

    /// The format of Banata's published packages, which differs from the documented one.
    ///
    /// Accepts `v1,<hex>`, the plugin's form, and `v1=<hex>`, the form of its verifier. A
    /// [`Signer`](crate::wire::signature::Signer) writes the second.
    #[must_use]
    pub const fn banata_sdk() -> Self {
        Self {
            name: "banata-sdk",
            family: SDK,
            fallback: Some(SDK_OLD),
            grammar: Grammar::Fields {
                version: "v1",
                bare_version: true,
                spaced: false,
            },
            algorithm: SignatureAlgorithm::HmacSha256(KeyForm::Text),
            ..Self::banata()
        }
    }

    /// Standard Webhooks 1.0, symmetric signatures.
    ///
    /// Also accepts secrets as `v1,whsec_…`, the form that Supabase shows.
    #[must_use]
    pub const fn standard_webhooks() -> Self {
        Self {
            name: "standard-webhooks",
            family: WEBHOOK,
            fallback: None,
            grammar: Grammar::List { version: "v1" },
            encoding: SignatureEncoding::Base64,
            content: ID_TIME_BODY,
            algorithm: SignatureAlgorithm::HmacSha256(KeyForm::VersionedBase64),
            unit: TimeUnit::Seconds,
            tolerance: DEFAULT_TOLERANCE,
            id_source: IdSource::SignedHeader,
            signs_once: false,
        }
    }

    /// Standard Webhooks 1.0, asymmetric signatures: Ed25519, with public keys as `whpk_…`.
    ///
    /// The receiver's secret is the sender's public key, which cannot sign. A
    /// [`Signer`](crate::wire::signature::Signer) takes the private key: `whsk_` and the base64 of the
    /// 32-byte seed, or of seed and public key. Symmetric `v1` signatures are skipped.
    ///
    /// The algorithm needs a contiguous message, so a verifier copies the body once.
    #[cfg(feature = "ed25519")]
    #[must_use]
    pub const fn standard_webhooks_v1a() -> Self {
        Self {
            name: "standard-webhooks-v1a",
            grammar: Grammar::List { version: "v1a" },
            algorithm: SignatureAlgorithm::Ed25519,
            ..Self::standard_webhooks()
        }
    }

    /// Standard Webhooks with Svix's header names, or with the plain names where those are missing.
    #[must_use]
    pub const fn svix() -> Self {
        Self {
            name: "svix",
            family: SVIX,
            fallback: Some(WEBHOOK),
            algorithm: SignatureAlgorithm::HmacSha256(KeyForm::Base64),
            ..Self::standard_webhooks()
        }
    }

    /// Standard Webhooks of Clerk: Svix's header names only.
    #[must_use]
    pub const fn clerk() -> Self {
        Self {
            name: "clerk",
            family: SVIX,
            fallback: None,
            ..Self::svix()
        }
    }
}

const WEBHOOK: HeaderNames = HeaderNames {
    id: Some("webhook-id"),
    timestamp: Some("webhook-timestamp"),
    signature: "webhook-signature",
};

const SVIX: HeaderNames = HeaderNames {
    id: Some("svix-id"),
    timestamp: Some("svix-timestamp"),
    signature: "svix-signature",
};

const SDK: HeaderNames = HeaderNames {
    id: Some("banata-webhook-id"),
    timestamp: None,
    signature: "banata-webhook-signature",
};

const SDK_OLD: HeaderNames = HeaderNames {
    id: Some("banata-webhook-id"),
    timestamp: None,
    signature: "x-banataauth-signature",
};

const T_V1: Grammar = Grammar::Fields {
    version: "v1",
    bare_version: false,
    spaced: false,
};

const TIME_BODY: Template<'static> = template("{t}.{body}");
const ID_TIME_BODY: Template<'static> = template("{id}.{t}.{body}");
