//! The schemes of known senders.

use std::time::Duration;

use super::algorithm::SignatureAlgorithm;
use super::content::Content;
use super::encoding::SignatureEncoding;
use super::grammar::Grammar;
use super::key_form::KeyForm;
use super::scheme::{DEFAULT_TOLERANCE, HeaderNames, IdSource, Scheme};
use super::time_unit::TimeUnit;

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

#[expect(clippy::panic, reason = "it panics where the constants are compiled")]
const fn content(template: &'static str) -> Content<'static> {
    match Content::parse(template) {
        Ok(content) => content,
        Err(_) => panic!("a preset's template is wrong"),
    }
}

const BODY: Content<'static> = content("{body}");
const TIME_BODY: Content<'static> = content("{t}.{body}");
const ID_TIME_BODY: Content<'static> = content("{id}.{t}.{body}");
const SLACK: Content<'static> = content("v0:{t}:{body}");

const fn signature_only(signature: &'static str) -> HeaderNames {
    HeaderNames {
        id: None,
        timestamp: None,
        signature,
    }
}

/// # Presets
///
/// | preset | headers | signature header | signed content | key | tolerance | id |
/// |---|---|---|---|---|---|---|
/// | [`banata`](Self::banata) | `Webhook-*` | `t=<s>,v1=<hex>` | `{t}.{body}` | text after `whsec_` | 300 s | `/id` in the body |
/// | [`banata_sdk`](Self::banata_sdk) | `Banata-Webhook-*` or `X-BanataAuth-Signature` | `t=<s>,v1=<hex>` or `t=<s>,v1,<hex>` | `{t}.{body}` | whole text | 300 s | `/id` in the body |
/// | [`standard_webhooks`](Self::standard_webhooks) | `webhook-*` | `v1,<base64>`, separated by spaces | `{id}.{t}.{body}` | base64 after `whsec_` | 300 s | signed header |
/// | `standard_webhooks_v1a` | `webhook-*` | `v1a,<base64>`, separated by spaces | `{id}.{t}.{body}` | public key, base64 after `whpk_` | 300 s | signed header |
/// | [`svix`](Self::svix) | `svix-*`, else `webhook-*` | `v1,<base64>`, separated by spaces | `{id}.{t}.{body}` | base64 after `whsec_` | 300 s | signed header |
/// | [`clerk`](Self::clerk) | `svix-*` | `v1,<base64>`, separated by spaces | `{id}.{t}.{body}` | base64 after `whsec_` | 300 s | signed header |
/// | [`stripe`](Self::stripe) | `Stripe-Signature` | `t=<s>,v1=<hex>` | `{t}.{body}` | whole text | 300 s | `/id` in the body |
/// | [`workos`](Self::workos) | `WorkOS-Signature` | `t=<ms>, v1=<hex>` | `{t}.{body}` | whole text | 180 s | `/id` in the body |
/// | [`github`](Self::github) | `X-Hub-Signature-256`, `X-GitHub-Delivery` | `sha256=<hex>` | `{body}` | whole text | no time | unsigned header |
/// | [`slack`](Self::slack) | `X-Slack-Signature`, `X-Slack-Request-Timestamp` | `v0=<hex>` | `v0:{t}:{body}` | whole text | 300 s | `/event_id` in the body |
/// | [`shopify`](Self::shopify) | `X-Shopify-Hmac-Sha256`, `X-Shopify-Webhook-Id` | `<base64>` | `{body}` | whole text | no time | unsigned header |
///
/// All but `v1a`, which is Ed25519, sign with HMAC-SHA256. Tolerances hold on both sides. The prefix
/// `whsec_` may be missing from a secret whose key is what stands after it.
///
/// # Which secrets sign during an overlap
///
/// While a new secret and the old one overlap, a [`Signer`](crate::wire::signature::Signer) signs so:
///
/// | preset | who signs | why |
/// |---|---|---|
/// | [`standard_webhooks`](Self::standard_webhooks), `standard_webhooks_v1a`, [`svix`](Self::svix), [`clerk`](Self::clerk), [`stripe`](Self::stripe) | both | their packages try each signature |
/// | [`banata`](Self::banata), [`banata_sdk`](Self::banata_sdk) | both, the old one first | our verifier tries each, Banata's packages look at the first alone |
/// | [`workos`](Self::workos) | the old one | of two signatures its Node package looks at the first alone, and its Python package refuses both |
/// | [`github`](Self::github), [`slack`](Self::slack), [`shopify`](Self::shopify) | the old one | their header has room for one signature |
///
/// Where one signature counts it is that of the old secret, as with Shopify itself: each receiver
/// has it when the overlap begins, and none has the new one. A receiver that takes several secrets,
/// as [`Verifier`](crate::wire::signature::Verifier) does, adds the new one during the overlap and misses nothing. A
/// receiver that takes one secret changes it when the overlap ends. To sign with the new secret at
/// once, as after a leak, let the old one end at once.
impl Scheme {
    const SYMMETRIC: [fn() -> Self; 10] = [
        Self::banata,
        Self::banata_sdk,
        Self::standard_webhooks,
        Self::svix,
        Self::clerk,
        Self::stripe,
        Self::workos,
        Self::github,
        Self::slack,
        Self::shopify,
    ];

    #[cfg(feature = "ed25519")]
    const ASYMMETRIC: &[fn() -> Self] = &[Self::standard_webhooks_v1a];
    #[cfg(not(feature = "ed25519"))]
    const ASYMMETRIC: &[fn() -> Self] = &[];

    /// Returns the preset with this [name](Self::name).
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        Self::presets().find(|scheme| scheme.name == name)
    }

    pub(crate) fn presets() -> impl Iterator<Item = Self> {
        let presets = Self::SYMMETRIC.iter().chain(Self::ASYMMETRIC);
        presets.map(|preset| preset())
    }

    /// Banata's documented format, and the one our emitter uses unless told otherwise.
    ///
    /// # Security
    ///
    /// `Webhook-Id` is not signed. Our own emitter repeats it in the signed body, where it names the
    /// message whatever the header says; only where the body has none is the header's id taken.
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

    /// The format that Banata's published packages speak, which differs from the documented one.
    ///
    /// Reads `v1,<hex>`, which the plugin sends, and `v1=<hex>`, which its verifier reads; a
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
    /// A secret may also be given as `v1,whsec_…`, the form that Supabase shows.
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
    /// The receiver's secret is the sender's public key, which lets nobody sign. A
    /// [`Signer`](crate::wire::signature::Signer) takes the private key, `whsk_` and the base64 of the
    /// 32-byte seed or of seed and public key. Symmetric `v1` signatures are passed over.
    ///
    /// The library takes the message in one piece, so a verifier copies the body once for each key.
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

    /// Standard Webhooks under Svix's header names, or under the plain ones where those are missing.
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

    /// Standard Webhooks as Clerk sends it: Svix's header names only.
    #[must_use]
    pub const fn clerk() -> Self {
        Self {
            name: "clerk",
            family: SVIX,
            fallback: None,
            ..Self::svix()
        }
    }

    /// Stripe. Signatures of its other versions, such as `v0`, are passed over.
    #[must_use]
    pub const fn stripe() -> Self {
        Self {
            name: "stripe",
            family: signature_only("stripe-signature"),
            algorithm: SignatureAlgorithm::HmacSha256(KeyForm::Text),
            ..Self::banata()
        }
    }

    /// WorkOS: as Stripe, but in milliseconds and with a space behind the comma, and with one
    /// signature: two break both of its packages. Up to 8 are read.
    ///
    /// # What JavaScript rewrites
    ///
    /// WorkOS' Node package does not verify the bytes that came. Its `constructEvent` takes the parsed
    /// body and verifies `JSON.stringify` of it; a text or a `Buffer` never matches. So it accepts from
    /// a [`Signer`](crate::wire::signature::Signer) those bodies alone that `JSON.stringify(JSON.parse(body))` leaves as
    /// they are. What that changes:
    ///
    /// - White space between values is left out, and so is a line end behind them.
    /// - Strings get the shortest form: `\u00eb` becomes `ë`, `\/` becomes `/`, `\u003c` becomes `<`.
    ///   Escaped stay `\"`, `\\`, control characters (`\b \f \n \r \t`, else `\u001f` with lower-case
    ///   digits), and surrogates without a partner (`\ud83d`).
    /// - Numbers become 64-bit floats, as JavaScript writes them: `1.0` becomes `1`, `1e2` becomes
    ///   `100`, `1e21` becomes `1e+21`, `-0` becomes `0`, `1e400` becomes `null`, and integers beyond
    ///   2^53 lose digits.
    /// - Members whose names are array indices, such as `"7"`, move to the front, in ascending order.
    /// - Of members with the same name the last value is kept, at the place of the first.
    ///
    /// Events of this crate whose data have no such numbers or names are accepted. WorkOS' Python
    /// package verifies the bytes, which must be UTF-8. Neither concerns [`Verifier`](crate::wire::signature::Verifier):
    /// it verifies the bytes of WorkOS, whatever they are.
    #[must_use]
    pub const fn workos() -> Self {
        Self {
            name: "workos",
            family: signature_only("workos-signature"),
            grammar: Grammar::Fields {
                version: "v1",
                bare_version: false,
                spaced: true,
            },
            unit: TimeUnit::Milliseconds,
            tolerance: Duration::from_secs(180),
            signs_once: true,
            ..Self::stripe()
        }
    }

    /// GitHub. `X-Hub-Signature`, which is SHA-1, is not looked at.
    ///
    /// # Security
    ///
    /// Neither a time nor the id in `X-GitHub-Delivery` is signed: a recorded request stays valid
    /// until the secret is replaced. `VerifyWebhookLayer` knows it again by its body, for 7 days; two
    /// deliveries with the same bytes are one message.
    #[must_use]
    pub const fn github() -> Self {
        Self {
            name: "github",
            family: HeaderNames {
                id: Some("x-github-delivery"),
                timestamp: None,
                signature: "x-hub-signature-256",
            },
            grammar: Grammar::Single { prefix: "sha256=" },
            content: BODY,
            id_source: IdSource::UnsignedHeader,
            signs_once: true,
            ..Self::stripe()
        }
    }

    /// Slack: events, slash commands and interactions, with the app's signing secret.
    ///
    /// An event is known again by its `event_id`; a command, which is a form and has none, by its time
    /// and body.
    #[must_use]
    pub const fn slack() -> Self {
        Self {
            name: "slack",
            family: HeaderNames {
                id: None,
                timestamp: Some("x-slack-request-timestamp"),
                signature: "x-slack-signature",
            },
            grammar: Grammar::Single { prefix: "v0=" },
            content: SLACK,
            id_source: IdSource::SignedBody("/event_id"),
            signs_once: true,
            ..Self::stripe()
        }
    }

    /// Shopify.
    ///
    /// # Security
    ///
    /// Neither a time nor the id in `X-Shopify-Webhook-Id` is signed: what is said at
    /// [`github`](Self::github) holds here too.
    #[must_use]
    pub const fn shopify() -> Self {
        Self {
            name: "shopify",
            family: HeaderNames {
                id: Some("x-shopify-webhook-id"),
                timestamp: None,
                signature: "x-shopify-hmac-sha256",
            },
            grammar: Grammar::Single { prefix: "" },
            encoding: SignatureEncoding::Base64,
            ..Self::github()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::scheme::content::Part;

    #[test]
    fn every_preset_is_found_by_its_name_and_is_const() {
        const BANATA: Scheme = Scheme::banata();
        assert_eq!(Scheme::by_name("banata"), Some(BANATA));
        for preset in Scheme::presets() {
            assert_eq!(Scheme::by_name(preset.name()), Some(preset));
        }
        assert_eq!(Scheme::by_name("Banata"), None);
    }

    #[test]
    fn an_id_is_called_signed_exactly_where_the_content_holds_it() {
        for scheme in Scheme::presets() {
            let signed = scheme.content.has(Part::Id);
            let called = scheme.id_source == IdSource::SignedHeader;
            assert_eq!(signed, called, "{}", scheme.name);
        }
    }

    #[test]
    fn a_time_that_is_sent_is_signed() {
        for scheme in Scheme::presets() {
            let signed = scheme.content.has(Part::Time);
            assert_eq!(signed, scheme.has_time(), "{}", scheme.name);
        }
    }
}
