//! The search for an explanation.

use std::time::Duration;

use http::HeaderMap;
use zeroize::Zeroizing;

use super::bodies;
use super::budget::Budget;
use super::diagnosis::{Diagnosis, SecretForm};
use crate::base::clock::UnixMillis;
use crate::base::secret::SecretDamage;
use crate::wire::scheme::{Filling, KeyForm, PREFIX, Scheme, SignatureEncoding, TimeUnit};
use crate::wire::signature::{
    Held, Key, Names, Read, ShortKeys, VerifyError, check_age, read_headers,
};

/// A refused request, and what it was judged with.
pub(crate) struct Case<'a> {
    pub(crate) scheme: &'a Scheme,
    pub(crate) secrets: &'a [Held],
    pub(crate) headers: &'a HeaderMap,
    pub(crate) body: &'a [u8],
    pub(crate) now: UnixMillis,
    pub(crate) tolerance: Duration,
}

/// A key to try, and how it differs from what is configured.
struct Candidate {
    secret: usize,
    key: Key,
    changes: Vec<Diagnosis>,
}

/// What is tried.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Step {
    /// The body as it came, under each key that a sender may make of a secret.
    AsItCame,
    /// As it came, under keys of secrets that were damaged on either side.
    Damaged,
    /// As it was before something on the way changed it.
    Before,
}

impl Case<'_> {
    pub(crate) fn diagnose(&self) -> Vec<Diagnosis> {
        self.diagnose_within(&Budget::of(Budget::WHOLE))
    }

    /// What needs no other body is tried first, by every scheme: it costs the least.
    pub(crate) fn diagnose_within(&self, budget: &Budget) -> Vec<Diagnosis> {
        let mut error = None;
        for step in [Step::AsItCame, Step::Damaged, Step::Before] {
            match self.under(self.scheme, self.tolerance, step, budget) {
                Ok(Some(causes)) => return causes,
                Ok(None) => {}
                Err(err) => error = Some(err),
            }
            if step == Step::Damaged {
                continue;
            }
            for preset in Scheme::presets().filter(|preset| preset != self.scheme) {
                let found = self.under(&preset, preset.tolerance, step, budget);
                if let Ok(Some(mut causes)) = found {
                    causes.retain(|cause| !matches!(cause, Diagnosis::Accepted { .. }));
                    causes.insert(0, Diagnosis::Scheme { name: preset.name });
                    return causes;
                }
            }
        }
        match error {
            Some(error) => vec![Diagnosis::Headers(error)],
            None => self.damages(),
        }
    }

    /// Returns what is damaged, where nothing explains the request.
    fn damages(&self) -> Vec<Diagnosis> {
        let secrets = self.secrets.iter().enumerate();
        let damages = secrets.filter_map(|(secret, held)| {
            let damage = held.secret.damage()?;
            Some(Diagnosis::SecretDamaged { secret, damage })
        });
        let damages: Vec<_> = damages.collect();
        if damages.is_empty() {
            vec![Diagnosis::Unexplained]
        } else {
            damages
        }
    }

    /// Explains the request by `scheme`, with as few changes as possible.
    fn under(
        &self,
        scheme: &Scheme,
        tolerance: Duration,
        step: Step,
        budget: &Budget,
    ) -> Result<Option<Vec<Diagnosis>>, VerifyError> {
        let names: Vec<Names> = scheme.families().map(Names::of).collect();
        let read = read_headers(scheme, &names, self.headers)?;
        let own = &[scheme.encoding][..];
        let attempt = |keys: &[&[Candidate]], body: &[u8], encodings, budget: &Budget| {
            self.first_match(scheme, &read, keys, body, encodings, budget)
        };
        let configured = self.configured(scheme);
        let keys = [&configured[..], &self.other_forms(scheme)];
        let found = match step {
            Step::AsItCame => {
                let others = other_encodings(scheme.encoding);
                let it = self.body;
                attempt(&keys, it, own, budget).or_else(|| attempt(&keys, it, others, budget))
            }
            Step::Damaged => {
                let keys = self.damaged(scheme);
                budget.lend(|budget| attempt(&[&keys], self.body, own, budget))
            }
            Step::Before => bodies::before(self.body, budget).find_map(|(how, body)| {
                // With one change more of the body, none of the key.
                let keys = if how.len() > 1 { &keys[..1] } else { &keys };
                let (secret, mut causes) = attempt(keys, &body, own, budget)?;
                causes.extend(how.into_iter().map(Diagnosis::Body));
                Some((secret, causes))
            }),
        };
        let Some((secret, mut causes)) = found else {
            return Ok(None);
        };
        causes.extend(self.time_cause(scheme, &read, tolerance));
        if !self.secrets[secret].is_valid_at(self.now) {
            causes.push(Diagnosis::SecretEnded { secret });
        }
        if causes.is_empty() {
            causes.push(Diagnosis::Accepted { secret });
        }
        Ok(Some(causes))
    }

    /// Returns the secret and the changes of the first combination that makes the signature.
    fn first_match(
        &self,
        scheme: &Scheme,
        read: &Read<'_>,
        keys: &[&[Candidate]],
        body: &[u8],
        encodings: &[SignatureEncoding],
        budget: &Budget,
    ) -> Option<(usize, Vec<Diagnosis>)> {
        let filling = Filling {
            content: &scheme.content,
            id: read.id.unwrap_or_default(),
            time: read.time.map_or("", |(text, _)| text),
        };
        let mut cost = body.len();
        if scheme.algorithm.needs_contiguous() {
            // The body is copied, and each signature hashes it anew.
            cost = cost.saturating_mul(read.parsed.signatures().len() + 1);
        }
        for candidate in keys.iter().copied().flatten() {
            for &encoding in encodings {
                if !budget.allows(cost) {
                    return None;
                }
                let mut running = candidate.key.begin(&filling);
                running.update(body);
                if running.has_signed(&filling, &read.parsed, encoding) {
                    let written = (encoding != scheme.encoding)
                        .then_some(Diagnosis::Encoding { used: encoding });
                    let changes = candidate.changes.iter().cloned();
                    return Some((candidate.secret, changes.chain(written).collect()));
                }
            }
        }
        None
    }

    /// Returns the keys as `scheme` has them, those that have not ended first.
    fn configured(&self, scheme: &Scheme) -> Vec<Candidate> {
        let mut places: Vec<usize> = (0..self.secrets.len()).collect();
        places.sort_by_key(|place| !self.secrets[*place].is_valid_at(self.now));
        let prepare = |secret: usize| {
            let text = self.secrets[secret].secret.expose();
            let key = Key::new(scheme.algorithm, secret, text, ShortKeys::Allowed).ok()?;
            Some(Candidate {
                secret,
                key,
                changes: Vec::new(),
            })
        };
        places.into_iter().filter_map(prepare).collect()
    }

    /// Returns the keys that other senders would make of the secrets' texts.
    fn other_forms(&self, scheme: &Scheme) -> Vec<Candidate> {
        let Some(own) = scheme.algorithm.key_form() else {
            return Vec::new();
        };
        let mut candidates = Vec::new();
        for (secret, held) in self.secrets.iter().enumerate() {
            let text = held.secret.expose();
            let mut seen: Vec<_> = own.bytes(text).into_iter().collect();
            for (used, bytes) in forms(text) {
                if bytes.is_empty() || seen.contains(&bytes) {
                    continue;
                }
                candidates.push(Candidate {
                    secret,
                    key: Key::hmac(&bytes),
                    changes: vec![Diagnosis::KeyForm { secret, used }],
                });
                seen.push(bytes);
            }
        }
        candidates
    }

    /// Returns the keys of the secrets without their damage, and with the damage that senders do.
    fn damaged(&self, scheme: &Scheme) -> Vec<Candidate> {
        let Some(form) = scheme.algorithm.key_form() else {
            return self.mended(|secret, text| {
                Key::new(scheme.algorithm, secret, text, ShortKeys::Allowed).ok()
            });
        };
        // Who does not decode a damaged text may key with it as it is.
        let key = |text: &str| {
            let bytes = form.bytes(text);
            bytes.map_or_else(|| Key::hmac(text.as_bytes()), |bytes| Key::hmac(&bytes))
        };
        let mut candidates = self.mended(|_, text| Some(key(text)));
        for (secret, held) in self.secrets.iter().enumerate() {
            let forms = SecretDamage::forms(held.secret.expose(), scheme.name);
            candidates.extend(forms.iter().map(|(damage, text)| Candidate {
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

    /// Returns the keys of the secrets that are damaged, as each damage is undone.
    fn mended(&self, key: impl Fn(usize, &str) -> Option<Key>) -> Vec<Candidate> {
        let mut candidates = Vec::new();
        for (secret, held) in self.secrets.iter().enumerate() {
            let mut changes = Vec::new();
            let mut found = SecretDamage::find(held.secret.expose());
            while let Some((damage, Some(text))) = found {
                changes.push(Diagnosis::SecretDamaged { secret, damage });
                candidates.extend(key(secret, &text).map(|key| Candidate {
                    secret,
                    key,
                    changes: changes.clone(),
                }));
                found = SecretDamage::find(&text);
            }
        }
        candidates
    }

    fn time_cause(
        &self,
        scheme: &Scheme,
        read: &Read<'_>,
        tolerance: Duration,
    ) -> Option<Diagnosis> {
        let (text, sent_at) = read.time?;
        if self.now == UnixMillis::EPOCH {
            return Some(Diagnosis::ClockNotSet);
        }
        let error = check_age(scheme.unit, tolerance, sent_at, self.now).err()?;
        let used = match scheme.unit {
            TimeUnit::Seconds => TimeUnit::Milliseconds,
            TimeUnit::Milliseconds => TimeUnit::Seconds,
        };
        let in_other_unit = used.parse(text);
        if in_other_unit.is_some_and(|at| check_age(used, tolerance, at, self.now).is_ok()) {
            return Some(Diagnosis::Unit { used });
        }
        let millis = |by: Duration| i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        let millis = match error {
            VerifyError::TooNew { lead } => millis(lead),
            VerifyError::TooOld { age } => -millis(age),
            _ => return None,
        };
        Some(Diagnosis::ClockSkew { millis, tolerance })
    }
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

const fn other_encodings(own: SignatureEncoding) -> &'static [SignatureEncoding] {
    use SignatureEncoding::{AnyHex, Base64, LowerHex};
    match own {
        LowerHex => &[Base64, AnyHex],
        AnyHex => &[Base64],
        Base64 => &[LowerHex, AnyHex],
    }
}
