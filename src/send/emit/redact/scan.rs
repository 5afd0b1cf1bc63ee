//! The search for many secrets in many texts, in one pass over each.

use std::collections::HashSet;

use aho_corasick::{AhoCorasick, AhoCorasickKind};

/// Finds secrets in texts.
///
/// Building one takes time and memory linear in the secrets' bytes, except for the sorting; a search
/// takes time linear in the text's bytes, whatever the secrets are.
pub(crate) struct Scan {
    /// Secrets shorter than [`CONTAINED`].
    whole: HashSet<String>,
    /// The others. `None` if they were too many for an automaton: then every text may hold one.
    contained: Option<AhoCorasick>,
}

impl Scan {
    pub(crate) fn new(secrets: impl IntoIterator<Item = String>) -> Self {
        let (mut contained, whole): (Vec<_>, Vec<_>) = secrets
            .into_iter()
            .filter(|secret| !secret.is_empty())
            .partition(|secret| secret.len() >= CONTAINED);
        // A secret that ends with another one is found by that one. Without such secrets, the
        // automaton has one match at most for each state; with them it copies each secret's matches
        // to every longer one.
        contained.sort_unstable_by(|a, b| a.bytes().rev().cmp(b.bytes().rev()));
        contained.dedup_by(|longer, kept| longer.ends_with(&**kept));
        Self {
            whole: whole.into_iter().collect(),
            // The default is a table with a row of up to 256 cells for each byte of a few secrets.
            contained: AhoCorasick::builder()
                .kind(Some(AhoCorasickKind::ContiguousNFA))
                .build(contained)
                .ok(),
        }
    }

    /// Returns whether `text` is a secret, or contains one of at least [`CONTAINED`] bytes.
    pub(crate) fn finds(&self, text: &str) -> bool {
        let contained = self.contained.as_ref();
        self.whole.contains(text) || contained.is_none_or(|it| it.is_match(text))
    }
}

/// Shorter secrets are compared as a whole only: any text may contain a short one by chance.
pub(crate) const CONTAINED: usize = 8;

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    /// What would make an automaton large or slow: one letter that differs, common beginnings, common
    /// ends, secrets within secrets, one long secret.
    #[test]
    fn secrets_made_to_be_slow_are_not() {
        let nested = |long: usize| (8..long).map(|length| "a".repeat(length));
        let ends = (0..250).map(|n| format!("{n:03}{}", "a".repeat(500)));
        for secrets in [
            (0..20_000).map(|n| format!("AAAAAAAA{n:05}")).collect(),
            (0..20_000).map(|n| format!("{n:05}AAAAAAAA")).collect(),
            nested(720).map(|it| it + "b").collect(),
            nested(500).chain(ends).collect(),
            vec!["ab".repeat(128 * 1024)],
        ] {
            let text = "AAAAAAAA".repeat(32 * 1024);
            let scan = Scan::new(secrets.iter().cloned());
            let bytes: usize = secrets.iter().map(String::len).sum();
            let automaton = scan.contained.as_ref().unwrap();
            assert!(automaton.memory_usage() < 32 * bytes, "{bytes} bytes");
            assert!(!scan.finds(&text));
            assert!(secrets.iter().all(|it| scan.finds(&format!("({it})"))));
        }
    }

    /// [`Scan::finds`] in the obvious way.
    fn finds(secrets: &[String], text: &str) -> bool {
        secrets
            .iter()
            .filter(|secret| !secret.is_empty())
            .any(|secret| text == secret || (secret.len() >= 8 && text.contains(secret.as_str())))
    }

    proptest! {
        #[test]
        fn a_scan_finds_what_a_comparison_with_each_secret_finds(
            secrets in vec("[ab]{0,12}|[abé]{4,9}", 0..12),
            texts in vec("[ab]{0,16}|[abé]{0,30}", 1..8),
        ) {
            let scan = Scan::new(secrets.clone());
            for text in texts.iter().chain(&secrets) {
                prop_assert_eq!(scan.finds(text), finds(&secrets, text), "{} in {:?}", text, &secrets);
            }
        }
    }
}
