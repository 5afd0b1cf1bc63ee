//! The schemes of known senders.

mod providers;
mod standard;
mod template;

#[cfg(test)]
mod tests;

use super::scheme::Scheme;

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
/// `v1a` uses Ed25519, all others HMAC-SHA256. Tolerances apply to the past and to the future. In
/// secrets whose key is the text after `whsec_`, the prefix is optional.
///
/// # Which secrets sign during an overlap
///
/// While a new secret and the old one overlap, a [`Signer`](crate::wire::signature::Signer) signs with:
///
/// | preset | signing secrets | reason |
/// |---|---|---|
/// | [`standard_webhooks`](Self::standard_webhooks), `standard_webhooks_v1a`, [`svix`](Self::svix), [`clerk`](Self::clerk), [`stripe`](Self::stripe) | both | their packages try each signature |
/// | [`banata`](Self::banata), [`banata_sdk`](Self::banata_sdk) | both, the old one first | our verifier tries each, Banata's packages only the first |
/// | [`workos`](Self::workos) | the old one | of two signatures its Node package checks only the first, and its Python package refuses both |
/// | [`github`](Self::github), [`slack`](Self::slack), [`shopify`](Self::shopify) | the old one | the header has room for one signature |
///
/// A single signature uses the old secret, as Shopify does: every receiver has it when the overlap
/// begins, and none has the new one. A receiver with several secrets, such as
/// [`Verifier`](crate::wire::signature::Verifier), adds the new one during the overlap and misses no
/// message. A receiver with one secret changes it when the overlap ends. To sign with the new secret at
/// once, for example after a leak, end the old one at once.
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
}
