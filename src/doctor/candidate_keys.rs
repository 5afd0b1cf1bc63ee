//! Candidates for the sender's key.

use zeroize::Zeroizing;

use super::diagnosis::{Diagnosis, SecretForm};
use crate::base::clock::UnixMillis;
use crate::base::secret::SecretDamage;
use crate::wire::scheme::{KeyForm, PREFIX, Scheme};
use crate::wire::signature::{DatedSecret, ShortKeys, VerificationKey};

/// A key to try, with its changes against the configured one.
pub(crate) struct CandidateKey {
    pub(crate) secret: usize,
    pub(crate) key: VerificationKey,
    pub(crate) changes: Vec<Diagnosis>,
}

/// Returns the configured keys of `scheme`, valid ones first.
pub(crate) fn configured(
    secrets: &[DatedSecret],
    scheme: &Scheme,
    now: UnixMillis,
) -> Vec<CandidateKey> {
    let mut places: Vec<usize> = (0..secrets.len()).collect();
    places.sort_by_key(|place| !secrets[*place].is_valid_at(now));
    let prepare = |secret: usize| {
        let text = secrets[secret].secret.expose();
        let key = VerificationKey::new(scheme.algorithm, secret, text, ShortKeys::Allowed).ok()?;
        Some(CandidateKey {
            secret,
            key,
            changes: Vec::new(),
        })
    };
    places.into_iter().filter_map(prepare).collect()
}

/// Returns the keys of the other forms of the secrets' texts.
pub(crate) fn other_forms(secrets: &[DatedSecret], scheme: &Scheme) -> Vec<CandidateKey> {
    let Some(own) = scheme.algorithm.key_form() else {
        return Vec::new();
    };
    let mut candidates = Vec::new();
    for (secret, dated) in secrets.iter().enumerate() {
        let text = dated.secret.expose();
        let mut seen: Vec<_> = own.bytes(text).into_iter().collect();
        for (used, bytes) in forms(text) {
            if bytes.is_empty() || seen.contains(&bytes) {
                continue;
            }
            candidates.push(CandidateKey {
                secret,
                key: VerificationKey::hmac(&bytes),
                changes: vec![Diagnosis::KeyForm { secret, used }],
            });
            seen.push(bytes);
        }
    }
    candidates
}

/// Returns the keys of the repaired secrets, and of secrets with a sender's usual damage.
pub(crate) fn damaged(secrets: &[DatedSecret], scheme: &Scheme) -> Vec<CandidateKey> {
    let Some(form) = scheme.algorithm.key_form() else {
        return repaired(secrets, |secret, text| {
            VerificationKey::new(scheme.algorithm, secret, text, ShortKeys::Allowed).ok()
        });
    };
    // A sender that does not decode a damaged text may use the text itself as the key.
    let key = |text: &str| {
        let bytes = form.bytes(text);
        bytes.map_or_else(
            || VerificationKey::hmac(text.as_bytes()),
            |bytes| VerificationKey::hmac(&bytes),
        )
    };
    let mut candidates = repaired(secrets, |_, text| Some(key(text)));
    for (secret, dated) in secrets.iter().enumerate() {
        let forms = SecretDamage::forms(dated.secret.expose(), scheme.name);
        candidates.extend(forms.iter().map(|(damage, text)| CandidateKey {
            secret,
            key: key(text),
            changes: vec![Diagnosis::SenderSecretDamaged {
                secret,
                damage: *damage,
            }],
        }));
    }
    candidates
}

/// Returns the keys of the damaged secrets after each step of the repair.
fn repaired(
    secrets: &[DatedSecret],
    key: impl Fn(usize, &str) -> Option<VerificationKey>,
) -> Vec<CandidateKey> {
    let mut candidates = Vec::new();
    for (secret, dated) in secrets.iter().enumerate() {
        let mut changes = Vec::new();
        let mut found = SecretDamage::find(dated.secret.expose());
        while let Some((damage, Some(text))) = found {
            changes.push(Diagnosis::SecretDamaged { secret, damage });
            candidates.extend(key(secret, &text).map(|key| CandidateKey {
                secret,
                key,
                changes: changes.clone(),
            }));
            found = SecretDamage::find(&text);
        }
    }
    candidates
}

fn forms(text: &str) -> impl Iterator<Item = (SecretForm, Zeroizing<Vec<u8>>)> {
    let bare = text.strip_prefix(PREFIX).unwrap_or(text);
    let with_prefix = Zeroizing::new([PREFIX, bare].concat().into_bytes());
    let form = |form: KeyForm, text| form.bytes(text);
    [
        (SecretForm::WholeText, form(KeyForm::Text, text)),
        (SecretForm::WithoutPrefix, form(KeyForm::Text, bare)),
        (SecretForm::WithPrefix, Some(with_prefix)),
        (SecretForm::Base64, form(KeyForm::VersionedBase64, text)),
        (SecretForm::Hex, form(KeyForm::Hex, bare)),
    ]
    .into_iter()
    .filter_map(|(used, bytes)| Some((used, bytes?)))
}
