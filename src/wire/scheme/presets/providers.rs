//! Senders with a format of their own.

use std::time::Duration;

use super::template::template;
use crate::wire::scheme::algorithm::SignatureAlgorithm;
use crate::wire::scheme::encoding::SignatureEncoding;
use crate::wire::scheme::grammar::Grammar;
use crate::wire::scheme::key_form::KeyForm;
use crate::wire::scheme::scheme::{HeaderNames, IdSource, Scheme};
use crate::wire::scheme::template::Template;
use crate::wire::scheme::time_unit::TimeUnit;

impl Scheme {
    /// Stripe. Signatures of its other versions, such as `v0`, are skipped.
    #[must_use]
    pub const fn stripe() -> Self {
        Self {
            name: "stripe",
            family: signature_only("stripe-signature"),
            algorithm: SignatureAlgorithm::HmacSha256(KeyForm::Text),
            ..Self::banata()
        }
    }

    /// WorkOS: as Stripe, but in milliseconds, with a space behind the comma, and with one signature, since
    /// two break both of its packages. Up to 8 are accepted.
    ///
    /// # What JavaScript rewrites
    ///
    /// WorkOS' Node package does not verify the received bytes. Its `constructEvent` takes the parsed
    /// body and verifies its `JSON.stringify`; a text or a `Buffer` never matches. So it accepts from a
    /// [`Signer`](crate::wire::signature::Signer) only bodies that `JSON.stringify(JSON.parse(body))`
    /// does not change. Changes are:
    ///
    /// - White space between values and a line end behind them are removed.
    /// - Strings get the shortest form: `\u00eb` becomes `ë`, `\/` becomes `/`, `\u003c` becomes `<`.
    ///   These stay escaped: `\"`, `\\`, control characters (`\b \f \n \r \t`, else `\u001f` with lower-case
    ///   digits), and surrogates without a partner (`\ud83d`).
    /// - Numbers become 64-bit floats, as JavaScript writes them: `1.0` becomes `1`, `1e2` becomes
    ///   `100`, `1e21` becomes `1e+21`, `-0` becomes `0`, `1e400` becomes `null`, and integers beyond
    ///   2^53 lose digits.
    /// - Members whose names are array indices, such as `"7"`, move to the front, in ascending order.
    /// - Of members with the same name the last value is kept, at the place of the first.
    ///
    /// It accepts events of this crate whose data have no such numbers or names. WorkOS' Python package
    /// verifies the bytes, which must be UTF-8. Neither concerns [`Verifier`](crate::wire::signature::Verifier):
    /// it verifies the bytes that WorkOS sends.
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

    /// GitHub. Ignores `X-Hub-Signature`, which is SHA-1.
    ///
    /// # Security
    ///
    /// Neither a time nor the id in `X-GitHub-Delivery` is signed: a recorded request stays valid
    /// until the secret is replaced. `VerifyWebhookLayer` recognizes its body for 7 days; two deliveries
    /// with the same bytes are one message.
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
    /// `event_id` identifies an event. A command is a form without an id: its time and body identify it.
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
    /// Neither a time nor the id in `X-Shopify-Webhook-Id` is signed. The consequences are those of
    /// [`github`](Self::github).
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

const fn signature_only(signature: &'static str) -> HeaderNames {
    HeaderNames {
        id: None,
        timestamp: None,
        signature,
    }
}

const BODY: Template<'static> = template("{body}");
const SLACK: Template<'static> = template("v0:{t}:{body}");
