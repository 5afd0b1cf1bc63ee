//! What files, variables and clipboards do to a secret's text.

use std::fmt;

use zeroize::Zeroizing;

use super::undo::{
    base64_decoded, is_placeholder, json_value, percent_decoded, split_prefix, unquoted,
    without_invisible, without_line_end, without_name, without_white_space,
};

/// What happened to a secret's text on its way into the program.
///
/// `Display` says what to mend. It shows nothing of the text.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum SecretDamage {
    /// A space or line end stands at an end, or other white space or a control character in it.
    WhiteSpace,
    /// A byte order mark, or another character that is not seen, stands in it.
    Invisible,
    /// Quotes stand around it, of any kind.
    Quoted,
    /// `\n` or `\r`, written out, stands at its end.
    EscapedLineEnd,
    /// The name of its variable stands in front of it, as in `SECRET=…`, or something else stands in
    /// front of its `whsec_`.
    Named,
    /// It is the JSON document or member that holds the secret.
    Json,
    /// It is a variable that was not replaced, such as `${SECRET}`, a reference, or a mask.
    Placeholder,
    /// It is percent-encoded, as for a URL.
    PercentEncoded,
    /// It is the base64 of a text that begins with `whsec_`, as Kubernetes stores secrets.
    Base64Encoded,
}

/// A text without its damage; `None` where that is not known.
type Mended = Option<Zeroizing<String>>;

impl SecretDamage {
    /// Returns the outermost damage of a text, and the text without it.
    ///
    /// What a secret may have in its middle, such as a quote or a `\n`, is none.
    pub(crate) fn find(text: &str) -> Option<(Self, Mended)> {
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

    /// Finds what was done to a text before `whsec_` was put in front of it.
    fn find_behind_prefix(text: &str) -> Option<(Self, Mended)> {
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
                "white space or a control character stands in it, such as a line end, carriage \
                 return or space at its end: take it off"
            }
            Self::Invisible => {
                "a byte order mark or another invisible character stands in it: type the secret anew, \
                 or save the file without the mark"
            }
            Self::Quoted => {
                "quotes stand around it and are taken as part of it: take them off, as `docker \
                 --env-file` and secrets files keep them"
            }
            Self::EscapedLineEnd => {
                r"a line end stands at its end, written out as `\n` or `\r`: take it off"
            }
            Self::Named => {
                "the name of its variable, as in `SECRET=…`, or other text stands in front of it: give \
                 the value alone"
            }
            Self::Json => "it is a whole JSON document or member: give the value in it alone",
            Self::Placeholder => {
                "it is a placeholder, such as `${SECRET}`, a reference or a mask, that nothing \
                 replaced: give the secret itself"
            }
            Self::PercentEncoded => "it is percent-encoded, as for a URL: decode it",
            Self::Base64Encoded => {
                "it is base64 of a secret, as Kubernetes stores it: decode it once more"
            }
        })
    }
}
