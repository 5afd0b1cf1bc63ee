//! Identifiers as types, so that a message id cannot stand for an endpoint id.

#[cfg(feature = "_outbox")]
mod message_ids;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::clock::UnixMillis;
use super::entropy::{Entropy, random};

#[cfg(feature = "_outbox")]
pub(crate) use self::message_ids::MessageIds;

/// The text is no identifier: 1 to 128 characters of `A-Z a-z 0-9 _ -`.
///
/// A full stop is refused because it separates the parts of signed content.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("an identifier has 1 to 128 characters of A-Z, a-z, 0-9, `_` and `-`")]
pub struct InvalidId;

/// Longest identifier in bytes.
const MAX_LEN: usize = 128;

fn check(text: &str) -> Result<(), InvalidId> {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    if (1..=MAX_LEN).contains(&text.len()) && text.bytes().all(legal) {
        Ok(())
    } else {
        Err(InvalidId)
    }
}

fn prefixed_ulid(prefix: &str, now: UnixMillis, entropy: &dyn Entropy) -> String {
    let random = u128::from_be_bytes(random(entropy));
    format!(
        "{prefix}{}",
        ulid::Ulid::from_parts(now.as_millis(), random)
    )
}

macro_rules! id {
    ($(#[$meta:meta])* $name:ident, $prefix:literal) => {
        $(#[$meta])*
        #[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Box<str>);

        impl $name {
            #[doc = concat!("Generates an identifier: `", $prefix, "` and a ULID. Later identifiers sort later.\n\n```\nuse tower_auth_sync::clock::{Clock, SystemClock};\nuse tower_auth_sync::entropy::SystemEntropy;\nuse tower_auth_sync::id::", stringify!($name), ";\n\nlet id = ", stringify!($name), "::generate(SystemClock.now(), &SystemEntropy);\nassert!(id.as_str().starts_with(\"", $prefix, "\"));\n```")]
            #[must_use]
            pub fn generate(now: UnixMillis, entropy: &dyn Entropy) -> Self {
                Self(prefixed_ulid($prefix, now, entropy).into())
            }

            /// Checks and wraps an existing identifier.
            ///
            /// # Errors
            ///
            /// [`InvalidId`] unless it has 1 to 128 characters of `A-Z a-z 0-9 _ -`.
            pub fn new(text: impl Into<Box<str>>) -> Result<Self, InvalidId> {
                let text = text.into();
                check(&text)?;
                Ok(Self(text))
            }

            /// Returns the text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Self::new(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;

            fn try_from(text: String) -> Result<Self, InvalidId> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0.into()
            }
        }
    };
}

id! {
    /// Identifies a message. Every attempt to deliver the same event carries the same id.
    MessageId, "msg_"
}
id! {
    /// Identifies a registered endpoint.
    EndpointId, "we_"
}
id! {
    /// Identifies the delivery of one event to one endpoint.
    DeliveryId, "whd_"
}
id! {
    /// Identifies a message in an inbox.
    InboxId, "inb_"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::entropy::SystemEntropy;

    #[test]
    fn a_generated_id_is_valid_and_sorts_by_time() {
        let early = MessageId::generate(UnixMillis::from_millis(1), &SystemEntropy);
        let late = MessageId::generate(UnixMillis::from_millis(2), &SystemEntropy);
        assert!(early < late);
        assert_eq!(MessageId::new(early.as_str()), Ok(early.clone()));
        assert!(early.as_str().starts_with("msg_"));
        assert_eq!(early.as_str().len(), 30);
    }

    #[test]
    fn ids_that_could_break_signed_content_or_a_header_are_refused() {
        for text in ["", "a.b", "a b", "a\nb", "é", "a\0", &"a".repeat(129)] {
            assert_eq!(MessageId::new(text), Err(InvalidId), "{text:?}");
        }
        assert!(MessageId::new("a".repeat(128)).is_ok());
    }
}
