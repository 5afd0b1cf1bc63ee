//! What a sender does, as data.

use std::time::Duration;

use super::grammar::{Encoding, Grammar};
use super::key::KeyForm;

/// How one family of senders signs: a constant, not code.
///
/// | preset | headers | signature header | signed content | key |
/// |---|---|---|---|---|
/// | [`banata`](Self::banata) | `Webhook-*` | `t=<s>,v1=<hex>` | `{t}.{body}` | text after `whsec_` |
/// | [`banata_sdk`](Self::banata_sdk) | `Banata-Webhook-*` or `X-BanataAuth-Signature` | `t=<s>,v1=<hex>` or `t=<s>,v1,<hex>` | `{t}.{body}` | whole text |
/// | [`standard_webhooks`](Self::standard_webhooks) | `webhook-*` | `v1,<base64>`, separated by spaces | `{id}.{t}.{body}` | base64 after `whsec_` |
/// | [`svix`](Self::svix) | `svix-*`, else `webhook-*` | as above | as above | as above |
/// | [`clerk`](Self::clerk) | `svix-*` | as above | as above | as above |
///
/// All sign with HMAC-SHA256, count time in seconds and tolerate 300 s on both sides. The prefix
/// `whsec_` may be missing from a secret whose key is the text after it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Scheme {
    pub(super) name: &'static str,
    /// In the order of preference: the first whose signature header is there is the one judged.
    pub(super) families: &'static [Family],
    pub(super) grammar: Grammar,
    pub(super) encoding: Encoding,
    pub(super) content: &'static [Part],
    pub(super) key: KeyForm,
    pub(super) tolerance: Duration,
    pub(super) id_source: IdSource,
}

/// The names, in lower case, of headers that belong together.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Family {
    pub(super) id: &'static str,
    /// Where the grammar has the time in the signature header, this one only repeats it.
    pub(super) timestamp: Option<&'static str>,
    pub(super) signature: &'static str,
}

/// A piece of the signed content.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Part {
    Id,
    Time,
    Text(&'static str),
    Body,
}

/// Where a message's id comes from, which decides how far it may be trusted.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum IdSource {
    /// A header that is part of the signed content: authentic, and always there.
    SignedHeader,
    /// A header that is not signed: anybody on the way may have changed it, and it may be missing.
    UnsignedHeader,
    /// The string at this JSON pointer (RFC 6901) in the signed body: authentic. The id header, if
    /// there is one, is not.
    SignedBody(&'static str),
}

const WEBHOOK: Family = Family {
    id: "webhook-id",
    timestamp: Some("webhook-timestamp"),
    signature: "webhook-signature",
};

const SVIX: Family = Family {
    id: "svix-id",
    timestamp: Some("svix-timestamp"),
    signature: "svix-signature",
};

const SDK: Family = Family {
    id: "banata-webhook-id",
    timestamp: None,
    signature: "banata-webhook-signature",
};

const SDK_OLD: Family = Family {
    id: "banata-webhook-id",
    timestamp: None,
    signature: "x-banataauth-signature",
};

const TIME_BODY: &[Part] = &[Part::Time, Part::Text("."), Part::Body];

const ID_TIME_BODY: &[Part] = &[
    Part::Id,
    Part::Text("."),
    Part::Time,
    Part::Text("."),
    Part::Body,
];

/// What the reference libraries of all presets use.
const DEFAULT_TOLERANCE: Duration = Duration::from_secs(300);

impl Scheme {
    const ALL: [fn() -> Self; 5] = [
        Self::banata,
        Self::banata_sdk,
        Self::standard_webhooks,
        Self::svix,
        Self::clerk,
    ];

    /// Banata's documented format, and the one our emitter uses unless told otherwise.
    ///
    /// # Security
    ///
    /// `Webhook-Id` is not signed. Our own emitter repeats it in the signed body.
    #[must_use]
    pub const fn banata() -> Self {
        Self {
            name: "banata",
            families: &[WEBHOOK],
            grammar: Grammar::Fields {
                version: "v1",
                bare_version: false,
            },
            encoding: Encoding::LowerHex,
            content: TIME_BODY,
            key: KeyForm::Text { drop_prefix: true },
            tolerance: DEFAULT_TOLERANCE,
            id_source: IdSource::UnsignedHeader,
        }
    }

    /// The format that Banata's published packages speak, which differs from the documented one.
    ///
    /// Reads `v1,<hex>`, which the plugin sends, and `v1=<hex>`, which its verifier reads; a
    /// [`Signer`](super::Signer) writes the second.
    #[must_use]
    pub const fn banata_sdk() -> Self {
        Self {
            name: "banata-sdk",
            families: &[SDK, SDK_OLD],
            grammar: Grammar::Fields {
                version: "v1",
                bare_version: true,
            },
            encoding: Encoding::LowerHex,
            content: TIME_BODY,
            key: KeyForm::Text { drop_prefix: false },
            tolerance: DEFAULT_TOLERANCE,
            id_source: IdSource::SignedBody("/id"),
        }
    }

    /// Standard Webhooks 1.0, symmetric signatures.
    ///
    /// A secret may also be given as `v1,whsec_…`, the form that Supabase shows.
    #[must_use]
    pub const fn standard_webhooks() -> Self {
        Self {
            name: "standard-webhooks",
            families: &[WEBHOOK],
            grammar: Grammar::List { version: "v1" },
            encoding: Encoding::Base64,
            content: ID_TIME_BODY,
            key: KeyForm::Base64 { versioned: true },
            tolerance: DEFAULT_TOLERANCE,
            id_source: IdSource::SignedHeader,
        }
    }

    /// Standard Webhooks under Svix's header names, or under the plain ones where those are missing.
    #[must_use]
    pub const fn svix() -> Self {
        Self {
            name: "svix",
            families: &[SVIX, WEBHOOK],
            key: KeyForm::Base64 { versioned: false },
            ..Self::standard_webhooks()
        }
    }

    /// Standard Webhooks as Clerk sends it: Svix's header names only.
    #[must_use]
    pub const fn clerk() -> Self {
        Self {
            name: "clerk",
            families: &[SVIX],
            ..Self::svix()
        }
    }

    /// Returns the preset's name, such as `standard-webhooks`: what a store keeps of a scheme.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Returns the preset with this [name](Self::name).
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .map(|preset| preset())
            .find(|scheme| scheme.name == name)
    }

    /// Returns where a message's id comes from.
    #[must_use]
    pub const fn id_source(&self) -> IdSource {
        self.id_source
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_preset_is_found_by_its_name_and_is_const() {
        const BANATA: Scheme = Scheme::banata();
        assert_eq!(Scheme::by_name("banata"), Some(BANATA));
        for preset in Scheme::ALL {
            assert_eq!(Scheme::by_name(preset().name()), Some(preset()));
        }
        assert_eq!(Scheme::by_name("Banata"), None);
    }

    #[test]
    fn an_id_is_called_signed_exactly_where_the_content_holds_it() {
        for scheme in Scheme::ALL.map(|preset| preset()) {
            assert_eq!(
                scheme.content.contains(&Part::Id),
                scheme.id_source == IdSource::SignedHeader,
                "{}",
                scheme.name
            );
        }
    }
}
