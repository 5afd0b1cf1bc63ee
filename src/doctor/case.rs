//! Search for an explanation.

use std::time::Duration;

use http::HeaderMap;

use super::bodies;
use super::budget::Budget;
use super::candidate_keys::{CandidateKey, configured, damaged, other_forms};
use super::diagnosis::Diagnosis;
use crate::base::clock::UnixMillis;
use crate::wire::scheme::{Rendered, Scheme, SignatureEncoding, TimeUnit};
use crate::wire::signature::{
    DatedSecret, HeaderValues, ParsedHeaderNames, VerifyError, check_age, read_headers,
};

/// A refused request with the settings of its check.
pub(crate) struct Case<'a> {
    pub(crate) scheme: &'a Scheme,
    pub(crate) secrets: &'a [DatedSecret],
    pub(crate) headers: &'a HeaderMap,
    pub(crate) body: &'a [u8],
    pub(crate) now: UnixMillis,
    pub(crate) tolerance: Duration,
}

/// A step of the search.
#[derive(Clone, Copy, Eq, PartialEq)]
enum SearchStep {
    /// The received body, under each form of each key.
    ReceivedBody,
    /// The received body, under keys of secrets that were damaged on either side.
    DamagedSecret,
    /// The body before a change on the way.
    OriginalBody,
}

impl Case<'_> {
    pub(crate) fn diagnose(&self) -> Vec<Diagnosis> {
        self.diagnose_within(&Budget::of(Budget::WHOLE))
    }

    /// Steps with the received body come first, for every scheme: they cost the least.
    pub(crate) fn diagnose_within(&self, budget: &Budget) -> Vec<Diagnosis> {
        let mut error = None;
        for step in [
            SearchStep::ReceivedBody,
            SearchStep::DamagedSecret,
            SearchStep::OriginalBody,
        ] {
            match self.under(self.scheme, self.tolerance, step, budget) {
                Ok(Some(causes)) => return causes,
                Ok(None) => {}
                Err(err) => error = Some(err),
            }
            if step == SearchStep::DamagedSecret {
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

    /// Returns the damaged secrets, for a request without another explanation.
    fn damages(&self) -> Vec<Diagnosis> {
        let secrets = self.secrets.iter().enumerate();
        let damages = secrets.filter_map(|(secret, dated)| {
            let damage = dated.secret.damage()?;
            Some(Diagnosis::SecretDamaged { secret, damage })
        });
        let damages: Vec<_> = damages.collect();
        if damages.is_empty() {
            vec![Diagnosis::Unexplained]
        } else {
            damages
        }
    }

    /// Explains the request under `scheme`, with as few changes as possible.
    fn under(
        &self,
        scheme: &Scheme,
        tolerance: Duration,
        step: SearchStep,
        budget: &Budget,
    ) -> Result<Option<Vec<Diagnosis>>, VerifyError> {
        let names: Vec<ParsedHeaderNames> = scheme.families().map(ParsedHeaderNames::of).collect();
        let read = read_headers(scheme, &names, self.headers)?;
        let own = &[scheme.encoding][..];
        let attempt = |keys: &[&[CandidateKey]], body: &[u8], encodings, budget: &Budget| {
            self.first_match(scheme, &read, keys, body, encodings, budget)
        };
        let configured = configured(self.secrets, scheme, self.now);
        let keys = [&configured[..], &other_forms(self.secrets, scheme)];
        let found = match step {
            SearchStep::ReceivedBody => {
                let others = other_encodings(scheme.encoding);
                let it = self.body;
                attempt(&keys, it, own, budget).or_else(|| attempt(&keys, it, others, budget))
            }
            SearchStep::DamagedSecret => {
                let keys = damaged(self.secrets, scheme);
                budget.lend(|budget| attempt(&[&keys], self.body, own, budget))
            }
            SearchStep::OriginalBody => {
                bodies::before(self.body, budget).find_map(|(how, body)| {
                    // A second change of the body replaces the change of the key.
                    let keys = if how.len() > 1 { &keys[..1] } else { &keys };
                    let (secret, mut causes) = attempt(keys, &body, own, budget)?;
                    causes.extend(how.into_iter().map(Diagnosis::Body));
                    Some((secret, causes))
                })
            }
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

    /// Returns the secret and the changes of the first combination with the right signature.
    fn first_match(
        &self,
        scheme: &Scheme,
        read: &HeaderValues<'_>,
        keys: &[&[CandidateKey]],
        body: &[u8],
        encodings: &[SignatureEncoding],
        budget: &Budget,
    ) -> Option<(usize, Vec<Diagnosis>)> {
        let rendered = Rendered {
            template: &scheme.content,
            id: read.id.unwrap_or_default(),
            time: read.time.map_or("", |(text, _)| text),
        };
        let mut cost = body.len();
        let mut message = scheme.algorithm.contiguous_start(&rendered);
        if let Some(message) = &mut message {
            if !budget.allows(body.len()) {
                return None;
            }
            message.extend_from_slice(body);
            // Each signature hashes the message again.
            cost = cost.saturating_mul(read.parsed.signatures().len());
        }
        let message = message.unwrap_or_default();
        for candidate in keys.iter().copied().flatten() {
            for &encoding in encodings {
                if !budget.allows(cost) {
                    return None;
                }
                let mut running = candidate.key.begin(&rendered);
                running.update(body);
                if running.has_signed(&rendered, &message, &read.parsed, encoding) {
                    let written = (encoding != scheme.encoding)
                        .then_some(Diagnosis::Encoding { used: encoding });
                    let changes = candidate.changes.iter().cloned();
                    return Some((candidate.secret, changes.chain(written).collect()));
                }
            }
        }
        None
    }

    fn time_cause(
        &self,
        scheme: &Scheme,
        read: &HeaderValues<'_>,
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

const fn other_encodings(own: SignatureEncoding) -> &'static [SignatureEncoding] {
    use SignatureEncoding::{AnyHex, Base64, LowerHex};
    match own {
        LowerHex => &[Base64, AnyHex],
        AnyHex => &[Base64],
        Base64 => &[LowerHex, AnyHex],
    }
}
