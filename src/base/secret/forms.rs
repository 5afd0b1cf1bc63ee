//! Damage that a secret suffers on the sender's side.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::damage::SecretDamage;
use super::undo::{QUOTES, is_left_by_all};

impl SecretDamage {
    /// Returns likely damaged forms of a text, the likeliest first. `owner` is the provider's name,
    /// such as `github`.
    pub(crate) fn forms(text: &str, owner: &str) -> Vec<(Self, Zeroizing<String>)> {
        let around = AROUND.iter().map(|(damage, before, behind)| {
            let form = [before, text, behind].concat();
            (*damage, form)
        });
        let encoded = [
            (Self::PercentEncoded, percent_encoded(text)),
            (Self::Base64Encoded, STANDARD.encode(text.as_bytes())),
            (
                Self::Base64Encoded,
                STANDARD.encode(format!("{text}\n").as_bytes()),
            ),
        ];
        let quoted = QUOTES
            .iter()
            .map(|(open, close)| (Self::Quoted, [open, text, close].concat()));
        let owner = owner.replace('-', "_");
        let named = NAMES.iter().flat_map(|name| {
            let low = name.replace("{}", &owner);
            let name = low.to_ascii_uppercase();
            [
                (Self::Named, format!("{name}={text}")),
                (Self::Named, format!("export {name}={text}")),
                (Self::Named, format!("{name}: {text}")),
                (Self::Named, format!("{low}={text}")),
                (Self::Named, format!("{low}: {text}")),
                (Self::Json, format!("{{\"{name}\":\"{text}\"}}")),
                (Self::Json, format!("{{\"{low}\":\"{text}\"}}")),
                (Self::Placeholder, format!("${{{name}}}")),
                (Self::Placeholder, format!("${name}")),
            ]
        });
        let forms = around.chain(encoded).chain(quoted).chain(named);
        let forms = forms.filter(|(_, form)| form != text);
        forms
            .map(|(damage, form)| (damage, Zeroizing::new(form)))
            .collect()
    }
}

fn percent_encoded(text: &str) -> String {
    let encode = |byte: u8| {
        if is_left_by_all(byte) {
            char::from(byte).to_string()
        } else {
            format!("%{byte:02X}")
        }
    };
    text.bytes().map(encode).collect()
}

/// Texts that senders' programs leave around a secret, besides [`QUOTES`], the likeliest first.
const AROUND: [(SecretDamage, &str, &str); 21] = {
    use SecretDamage::{EscapedLineEnd, Invisible, Quoted, WhiteSpace};
    [
        (Quoted, "\"", "\""),
        (WhiteSpace, "", "\n"),
        (EscapedLineEnd, "", "\\n"),
        (Quoted, "'", "'"),
        (WhiteSpace, "", "\r\n"),
        (WhiteSpace, "", "\r"),
        (WhiteSpace, "", " "),
        (WhiteSpace, " ", ""),
        (Invisible, "\u{feff}", ""),
        (EscapedLineEnd, "", "\\r\\n"),
        (EscapedLineEnd, "", "\\r"),
        (Quoted, "\"", "\"\n"),
        (Quoted, "\"", "\","),
        (Quoted, "\"", "\\n\""),
        (Quoted, "\"", ""),
        (Quoted, "", "\""),
        (WhiteSpace, "", "\u{a0}"),
        (WhiteSpace, "\t", ""),
        (Invisible, "\u{200e}", ""),
        (Invisible, "\u{200b}", ""),
        (Invisible, "", "\u{200b}"),
    ]
};

/// Names of secret variables; `{}` is the provider's name.
const NAMES: [&str; 8] = [
    "webhook_secret",
    "{}_webhook_secret",
    "secret",
    "{}_secret",
    "signing_secret",
    "{}_signing_secret",
    "webhook_signing_secret",
    "webhook_key",
];
