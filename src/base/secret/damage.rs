//! Damage that files, variables and clipboards do to a secret's text.

use std::fmt;

use zeroize::Zeroizing;

use super::undo::{
    base64_decoded, is_placeholder, json_value, percent_decoded, split_prefix, unquoted,
    without_invisible, without_line_end, without_name, without_white_space,
};

/// Damage to a secret's text on its way into the program.
///
/// `Display` says how to repair the text and shows no part of it.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum SecretDamage {
    /// A space or line end at an end, or other white space or a control character inside.
    WhiteSpace,
    /// A byte order mark or another invisible character.
    Invisible,
    /// Quotes of any kind around the text.
    Quoted,
    /// An escaped line end, `\n` or `\r`, at the end.
    EscapedLineEnd,
    /// The variable's name in front, as in `SECRET=…`, or other text in front of `whsec_`.
    Named,
    /// The JSON document or member around the secret.
    Json,
    /// An unresolved variable such as `${SECRET}`, a reference, or a mask.
    Placeholder,
    /// Percent-encoding, as for a URL.
    PercentEncoded,
    /// Base64 of a text that begins with `whsec_`, as Kubernetes stores secrets.
    Base64Encoded,
}

/// The text without its damage; `None` where the original is unknown.
type RepairedText = Option<Zeroizing<String>>;

impl SecretDamage {
    /// Returns the outermost damage of a text, and the text without it.
    ///
    /// A quote or a `\n` inside the text is no damage.
    pub(crate) fn find(text: &str) -> Option<(Self, RepairedText)> {
        let known = |damage: Self, mended: Option<String>| {
            mended.map(|text| (damage, Some(Zeroizing::new(text))))
        };
        known(Self::WhiteSpace, without_white_space(text))
            .or_else(|| known(Self::Invisible, without_invisible(text)))
            .or_else(|| known(Self::Quoted, unquoted(text)))
            .or_else(|| known(Self::EscapedLineEnd, without_line_end(text)))
            .or_else(|| json_value(text).map(|value| (Self::Json, value)))
            .or_else(|| known(Self::Named, without_name(text)))
            .or_else(|| is_placeholder(text).then_some((Self::Placeholder, None)))
            .or_else(|| known(Self::PercentEncoded, percent_decoded(text)))
            .or_else(|| known(Self::Base64Encoded, base64_decoded(text)))
            .or_else(|| Self::find_behind_prefix(text))
    }

    /// Finds damage that happened before `whsec_` was put in front.
    fn find_behind_prefix(text: &str) -> Option<(Self, RepairedText)> {
        let (prefix, rest) = split_prefix(text)?;
        let (damage, mended) = Self::find(rest)?;
        let mended = mended.map(|rest| Zeroizing::new([prefix, &rest].concat()));
        Some((damage, mended))
    }
}

impl fmt::Display for SecretDamage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::WhiteSpace => {
                "it contains white space or a control character, such as a line end, carriage \
                 return or space at its end: remove it"
            }
            Self::Invisible => {
                "it contains a byte order mark or another invisible character: type the secret again, \
                 or save the file without the mark"
            }
            Self::Quoted => {
                "it has quotes around it, which count as part of it: remove them, since `docker \
                 --env-file` and secrets files keep them"
            }
            Self::EscapedLineEnd => {
                r"it ends with an escaped line end, `\n` or `\r`: remove it"
            }
            Self::Named => {
                "it has the variable's name, as in `SECRET=…`, or other text in front: give \
                 the value alone"
            }
            Self::Json => "it is a whole JSON document or member: give its value alone",
            Self::Placeholder => {
                "it is an unresolved placeholder, such as `${SECRET}`, a reference or a mask: give the \
                 secret itself"
            }
            Self::PercentEncoded => "it is percent-encoded, as for a URL: decode it",
            Self::Base64Encoded => {
                "it is base64 of a secret, as Kubernetes stores it: decode it"
            }
        })
    }
}
