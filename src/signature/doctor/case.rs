//! The search for an explanation.

use std::borrow::Cow;
use std::time::Duration;

use http::HeaderMap;
use zeroize::Zeroizing;

use super::bodies;
use super::budget::Budget;
use super::diagnosis::{Diagnosis, SecretForm};
use crate::clock::UnixMillis;
use crate::signature::algorithm::Key;
use crate::signature::content::Filling;
use crate::signature::encoding::SignatureEncoding;
use crate::signature::headers::{self, Names, Read};
use crate::signature::key::{Held, KeyForm, PREFIX, ShortKeys};
use crate::signature::scheme::Scheme;
use crate::signature::time_unit::TimeUnit;
use crate::signature::verifier::check_age;
use crate::signature::verify_error::VerifyError;

/// A refused request, and what it was judged with.
pub(in crate::signature) struct Case<'a> {
    pub(in crate::signature) scheme: &'a Scheme,
    pub(in crate::signature) secrets: &'a [Held],
    pub(in crate::signature) headers: &'a HeaderMap,
    pub(in crate::signature) body: &'a [u8],
    pub(in crate::signature) now: UnixMillis,
    pub(in crate::signature) tolerance: Duration,
}

/// A key to try, and how it differs from what is configured.
struct Candidate {
    secret: usize,
    key: Key,
    used: Option<SecretForm>,
}

/// A body to try, and how it differs from what came.
type Body<'a> = (Option<Diagnosis>, Cow<'a, [u8]>);

/// Which bodies are tried.
#[derive(Clone, Copy)]
enum Bodies {
    AsItCame,
    Before,
}

impl Case<'_> {
    pub(in crate::signature) fn diagnose(&self) -> Vec<Diagnosis> {
        self.diagnose_within(&Budget::of(Budget::WHOLE))
    }

    /// What needs no other body is tried first, by every scheme: it costs the least.
    pub(super) fn diagnose_within(&self, budget: &Budget) -> Vec<Diagnosis> {
        let mut error = None;
        for bodies in [Bodies::AsItCame, Bodies::Before] {
            match self.under(self.scheme, self.tolerance, bodies, budget) {
                Ok(Some(causes)) => return causes,
                Ok(None) => {}
                Err(err) => error = Some(err),
            }
            for preset in Scheme::presets().filter(|preset| preset != self.scheme) {
                let found = self.under(&preset, preset.tolerance, bodies, budget);
                if let Ok(Some(mut causes)) = found {
                    causes.retain(|cause| !matches!(cause, Diagnosis::Accepted { .. }));
                    causes.insert(0, Diagnosis::Scheme { name: preset.name });
                    return causes;
                }
            }
        }
        vec![error.map_or(Diagnosis::Unexplained, Diagnosis::Headers)]
    }

    /// Explains the request by `scheme`, with as few changes as possible.
    fn under(
        &self,
        scheme: &Scheme,
        tolerance: Duration,
        bodies: Bodies,
        budget: &Budget,
    ) -> Result<Option<Vec<Diagnosis>>, VerifyError> {
        let names: Vec<Names> = scheme.families().map(Names::of).collect();
        let read = headers::read(scheme, &names, self.headers)?;
        let configured = self.configured(scheme);
        let other_forms = self.other_forms(scheme);
        let keys = [&configured[..], &other_forms];
        let attempt = |body: Body<'_>, encodings: &[SignatureEncoding]| {
            self.first_match(scheme, &read, &keys, body, encodings, budget)
        };
        let own = &[scheme.encoding][..];
        let found = match bodies {
            Bodies::AsItCame => {
                let others = other_encodings(scheme.encoding);
                let it = || (None, Cow::Borrowed(self.body));
                attempt(it(), own).or_else(|| attempt(it(), others))
            }
            Bodies::Before => bodies::before(self.body, budget).find_map(|(how, body)| {
                let body = (Some(Diagnosis::Body(how)), body);
                attempt(body, own)
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
        (change, body): Body<'_>,
        encodings: &[SignatureEncoding],
        budget: &Budget,
    ) -> Option<(usize, Vec<Diagnosis>)> {
        let filling = Filling {
            content: &scheme.content,
            id: read.id.unwrap_or_default(),
            time: read.time.map_or("", |(text, _)| text),
        };
        let mut cost = body.len();
        if scheme.algorithm.takes_whole() {
            if !budget.allows(body.len()) {
                return None;
            }
            // Each signature hashes it anew.
            cost = cost.saturating_mul(read.parsed.signatures().len());
        }
        let whole = scheme.algorithm.whole(&filling, &body);
        for candidate in keys.iter().copied().flatten() {
            for &encoding in encodings {
                if !budget.allows(cost) {
                    return None;
                }
                let mut running = candidate.key.begin(&filling);
                running.update(&body);
                if running.signed(&filling, &whole, &read.parsed, encoding) {
                    let secret = candidate.secret;
                    let form = candidate.used;
                    let form = form.map(|used| Diagnosis::KeyForm { secret, used });
                    let written = (encoding != scheme.encoding)
                        .then_some(Diagnosis::Encoding { used: encoding });
                    let causes = form.into_iter().chain(written).chain(change);
                    return Some((secret, causes.collect()));
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
            let key = scheme
                .algorithm
                .key(secret, text, ShortKeys::Allowed)
                .ok()?;
            Some(Candidate {
                secret,
                key,
                used: None,
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
                    used: Some(used),
                });
                seen.push(bytes);
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
        let seconds = |by: Duration| i64::try_from(by.as_secs()).unwrap_or(i64::MAX);
        Some(Diagnosis::ClockSkew {
            seconds: match error {
                VerifyError::TooNew { lead } => seconds(lead),
                VerifyError::TooOld { age } => -seconds(age),
                _ => return None,
            },
        })
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
