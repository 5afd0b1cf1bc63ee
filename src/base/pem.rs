//! Keys and certificates in PEM (RFC 7468), also from a text that an environment variable, a shell or
//! a secret store damaged, as long as only one reading is possible.
//!
//! The reader drops white space, also escaped white space, and all text around the blocks. The rest of
//! a block must be base64 of exactly one DER sequence, so that the length reveals a lost or changed
//! byte. jsonwebtoken's reader names no damage.

use std::fmt;
use std::str::Chars;

#[cfg(not(feature = "jwt"))]
use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
#[cfg(feature = "jwt")]
use base64ct::{Base64Unpadded, Encoding as _};
use zeroize::Zeroizing;

/// Content of a PEM block, by its label.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum PemKind {
    /// A private key: `PRIVATE KEY` (PKCS#8), `EC PRIVATE KEY` (SEC 1), `RSA PRIVATE KEY` (PKCS#1).
    PrivateKey,
    /// A public key: `PUBLIC KEY` (X.509), `RSA PUBLIC KEY` (PKCS#1).
    PublicKey,
    /// A private key that a password encrypts.
    EncryptedKey,
    /// A key in an OpenSSH format.
    OpenSshKey,
    /// A certificate.
    Certificate,
    /// The name of a curve. `openssl ecparam` writes it before the key.
    EcParameters,
    /// Anything else.
    Other,
}

/// Why a text is not the required PEM. Never quotes a part of a key.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum PemError {
    /// The bytes are not UTF-8, or contain a NUL.
    #[error("not a PEM text: the bytes are not UTF-8 (DER, or a file in UTF-16?)")]
    NotText,
    /// The text has neither a `BEGIN` nor an `END` line and is not base64 of a key.
    #[error("not a PEM text: it has no `-----BEGIN` line (an empty variable, or a path?)")]
    Missing,
    /// The text is a JSON object.
    #[error("not a PEM text: it is JSON; a JWK is read by `from_jwk`")]
    Json,
    /// The text holds another kind of block.
    #[error("the PEM text holds {found}; {wanted} is needed")]
    Kind {
        /// The kind in the text.
        found: PemKind,
        /// The required kind.
        wanted: PemKind,
    },
    /// The `BEGIN` line is missing or damaged, and the text before the `END` line is incomplete.
    #[error("the `BEGIN` line of the PEM text is missing or damaged")]
    Begin,
    /// The `END` line is missing or damaged, and the text after the `BEGIN` line is incomplete.
    #[error("the `END` line of the PEM text is missing or damaged: is the text cut off?")]
    End,
    /// The text between the lines contains a character outside the base64 alphabet.
    #[error("{0:?} stands between the lines of the PEM text, where only base64 may")]
    Character(char),
    /// The lines end in the letter `n` instead of a line end.
    #[error("the lines of the PEM text end in the letter `n`: the backslash of `\\n` is lost")]
    LineEnds,
    /// The base64 does not decode to exactly one DER sequence.
    #[error("the base64 of the PEM text is incomplete or altered (a `+` that became a space?)")]
    Incomplete,
}

pub(crate) type Der = Zeroizing<Vec<u8>>;

/// Returns the contents of all blocks of the kind `wanted`, at least one.
///
/// A text without lines may be the base64 of one DER sequence, or of a whole PEM text, as in
/// Kubernetes secrets. For a bare DER sequence the caller must find out the kind.
pub(crate) fn read(input: &[u8], wanted: PemKind) -> Result<Vec<Der>, PemError> {
    let text = compact(input)?;
    let blocks = Block::all(&text);
    if blocks.is_empty() {
        let inner = base64(text.trim_matches(QUOTES)).unwrap_or_default();
        let has_lines = |text: Zeroizing<String>| !Block::all(&text).is_empty();
        return if sequence(&inner).is_some() {
            Ok(vec![inner])
        } else if compact(&inner).is_ok_and(has_lines) {
            read(&inner, wanted)
        } else {
            Err(no_lines(&text, wanted))
        };
    }
    let fitting = blocks.iter().filter(|block| block.kind() == wanted);
    let ders: Vec<Der> = fitting.map(Block::decode).collect::<Result<_, _>>()?;
    if ders.is_empty() {
        let accompanies =
            |kind: &PemKind| matches!(kind, PemKind::Certificate | PemKind::EcParameters);
        let kinds = blocks.iter().map(Block::kind);
        let found = kinds.min_by_key(accompanies).unwrap_or(PemKind::Other);
        return Err(PemError::Kind { found, wanted });
    }
    Ok(ders)
}

/// Explains a compact text that has no lines and is not base64 of a key.
fn no_lines(text: &str, wanted: PemKind) -> PemError {
    let text = text.trim_start_matches(QUOTES);
    let found = PemKind::OpenSshKey;
    if ["ssh-", "ecdsa-sha2-"]
        .iter()
        .any(|start| text.starts_with(start))
    {
        PemError::Kind { found, wanted }
    } else if text.starts_with('{') {
        PemError::Json
    } else if text.contains("BEGIN") {
        PemError::Begin
    } else {
        PemError::Missing
    }
}

const QUOTES: [char; 3] = ['"', '\'', '`'];

/// A `BEGIN` and an `END` line with the text between them, or one line with the text on its side.
#[derive(Clone, Copy)]
struct Block<'a> {
    /// The label, without spaces.
    label: &'a str,
    body: &'a str,
    lacks: Option<PemError>,
}

impl<'a> Block<'a> {
    /// Finds the blocks of a compact text.
    fn all(text: &'a str) -> Vec<Self> {
        const BEGIN: &str = "-BEGIN";
        const END: &str = "-END";

        let mut lines: Vec<(usize, &str)> = [BEGIN, END]
            .iter()
            .flat_map(|mark| text.match_indices(mark))
            .collect();
        lines.sort_unstable();
        let mut blocks = Vec::new();
        // Start of the text after the last line, and whether that line was a `BEGIN`.
        let (mut start, mut begun) = (0, false);
        for (at, mark) in lines.into_iter().chain([(text.len(), "")]) {
            let (label, body) = if start == 0 {
                ("", &text[..at])
            } else {
                split_label(&text[start..at])
            };
            let body = body.trim_end_matches('-');
            if begun {
                let lacks = (mark != END).then_some(PemError::End);
                blocks.push(Self { label, body, lacks });
            } else if mark == END {
                let (label, _) = split_label(&text[at + END.len()..]);
                let lacks = Some(PemError::Begin);
                blocks.push(Self { label, body, lacks });
            }
            (start, begun) = (at + mark.len(), mark == BEGIN);
        }
        blocks
    }

    fn kind(&self) -> PemKind {
        let is_encrypted = ["Proc-Type:", "DEK-Info:"]
            .iter()
            .any(|header| self.body.contains(header));
        let known = LABELS.iter().find(|(label, _)| *label == self.label);
        match known.map(|(_, kind)| *kind) {
            Some(PemKind::PrivateKey) if is_encrypted => PemKind::EncryptedKey,
            kind => kind.unwrap_or(PemKind::Other),
        }
    }

    fn decode(&self) -> Result<Der, PemError> {
        let body = self.body.trim_matches(QUOTES);
        if let Some(der) = base64(body).filter(|der| sequence(der).is_some()) {
            return Ok(der);
        }
        let is_base64 = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=');
        // The base64 of a sequence starts with `M`.
        let starts_with_n = body.starts_with('n') || body.starts_with("rn");
        Err(match (self.lacks, body.chars().find(|c| !is_base64(*c))) {
            (Some(line), _) => line,
            (None, Some(c)) => PemError::Character(c),
            (None, None) if starts_with_n => PemError::LineEnds,
            (None, None) => PemError::Incomplete,
        })
    }
}

/// Labels without spaces. A label stands before its own prefixes.
const LABELS: &[(&str, PemKind)] = &[
    ("PRIVATEKEY", PemKind::PrivateKey),
    ("ECPRIVATEKEY", PemKind::PrivateKey),
    ("RSAPRIVATEKEY", PemKind::PrivateKey),
    ("PUBLICKEY", PemKind::PublicKey),
    ("RSAPUBLICKEY", PemKind::PublicKey),
    ("ENCRYPTEDPRIVATEKEY", PemKind::EncryptedKey),
    ("OPENSSHPRIVATEKEY", PemKind::OpenSshKey),
    ("SSH2PUBLICKEY", PemKind::OpenSshKey),
    ("SSH2ENCRYPTEDPRIVATEKEY", PemKind::OpenSshKey),
    ("CERTIFICATEREQUEST", PemKind::Other),
    ("CERTIFICATE", PemKind::Certificate),
    ("X509CERTIFICATE", PemKind::Certificate),
    ("ECPARAMETERS", PemKind::EcParameters),
];

/// Splits a label from the text after its line. The dashes after a known label may be missing.
fn split_label(text: &str) -> (&str, &str) {
    let known = LABELS.iter().find(|(label, _)| text.starts_with(label));
    let length = known.map_or_else(|| text.find('-'), |(label, _)| Some(label.len()));
    let (label, rest) = text.split_at(length.unwrap_or(text.len()));
    (label, rest.trim_start_matches('-'))
}

/// Drops white space, also in the form `\n`, `\r`, `\t` or `\u000a`, and resolves the JSON escapes
/// `\/`, `\"` and `\u002b`. A backslash may be doubled.
fn compact(input: &[u8]) -> Result<Zeroizing<String>, PemError> {
    let text = str::from_utf8(input).map_err(|_error| PemError::NotText)?;
    if text.contains('\0') {
        return Err(PemError::NotText);
    }
    // Reserves the whole capacity: a growing string leaves copies in memory.
    let mut compact = Zeroizing::new(String::with_capacity(text.len()));
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        let c = if c == '\\' { unescape(&mut rest) } else { c };
        // Unicode does not count a byte order mark and a zero-width space as white space.
        if !c.is_whitespace() && !matches!(c, '\u{feff}' | '\u{200b}') {
            compact.push(c);
        }
    }
    Ok(compact)
}

/// Resolves the escape after a backslash; returns the backslash for an unknown escape.
fn unescape(rest: &mut Chars<'_>) -> char {
    let text = rest.as_str().trim_start_matches('\\');
    let hex = text.strip_prefix('u').and_then(|text| text.get(..4));
    let code = hex.and_then(|hex| u32::from_str_radix(hex, 16).ok());
    let (c, length) = match (text.chars().next(), code.and_then(char::from_u32)) {
        (Some('n' | 'r' | 't'), _) => (' ', 1),
        (Some('u'), Some(c)) => (c, 5),
        (Some(c), _) if !c.is_alphanumeric() => (c, c.len_utf8()),
        (None, _) => (' ', 0),
        _ => ('\\', 0),
    };
    *rest = text[length..].chars();
    c
}

/// Decodes in constant time with respect to the key. Padding may be missing.
#[cfg(feature = "jwt")]
fn base64(text: &str) -> Option<Der> {
    let decoded = Base64Unpadded::decode_vec(text.trim_end_matches('='));
    decoded.ok().map(Zeroizing::new)
}

/// Without private keys only certificates are decoded, which are public.
#[cfg(not(feature = "jwt"))]
fn base64(text: &str) -> Option<Der> {
    let decoded = STANDARD_NO_PAD.decode(text.trim_end_matches('='));
    decoded.ok().map(Zeroizing::new)
}

/// Returns the contents of bytes that are exactly one DER sequence (X.690 §8.1).
pub(crate) fn sequence(bytes: &[u8]) -> Option<&[u8]> {
    let (length, contents) = match bytes {
        [0x30, length @ ..=0x7f, contents @ ..] => (usize::from(*length), contents),
        [0x30, 0x81, length, contents @ ..] => (usize::from(*length), contents),
        [0x30, 0x82, high, low, contents @ ..] => {
            (usize::from(u16::from_be_bytes([*high, *low])), contents)
        }
        _ => return None,
    };
    (length == contents.len()).then_some(contents)
}

impl fmt::Display for PemKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PrivateKey => "a private key",
            Self::PublicKey => "a public key",
            Self::EncryptedKey => "an encrypted private key (decrypt it with `openssl pkey`)",
            Self::OpenSshKey => {
                "an OpenSSH key (convert it with `ssh-keygen -m PKCS8`: `-p` a private, `-e` a public one)"
            }
            Self::Certificate => "a certificate",
            Self::EcParameters => "the parameters of a curve",
            Self::Other => "something that is no key",
        })
    }
}
