//! Names of fields that hold secrets.

/// Returns whether a field of this name holds a secret.
pub(super) fn names_secret(name: &str) -> bool {
    let name: String = name
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect();
    NAMES.contains(&name.as_str()) || NAME_PARTS.iter().any(|part| name.contains(part))
}

/// Parts of names, compared in lower case without `_`, `-` and other marks.
const NAME_PARTS: [&str; 13] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "totp",
    "backupcode",
    "recoverycode",
    "verificationcode",
    "privatekey",
    "apikey",
    "credential",
    "authorization",
];

/// Whole names.
const NAMES: [&str; 11] = [
    "key", "otp", "otps", "pin", "pwd", "pass", "hash", "salt", "cookie", "cookies", "jwt",
];
