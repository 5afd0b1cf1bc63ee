//! Circles of imports.

use std::collections::{BTreeMap, BTreeSet};

/// Returns the files of a circle, if any.
pub(crate) fn first_circle(arrows: &BTreeSet<(String, String)>) -> Option<Vec<String>> {
    let mut left: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (from, to) in arrows {
        left.entry(from).or_default().insert(to);
        left.entry(to).or_default();
    }
    // A file is in no circle if it imports no remaining file, or if no remaining file imports it.
    loop {
        let before = left.len();
        let names: BTreeSet<&str> = left.keys().copied().collect();
        left.retain(|_, imports| {
            imports.retain(|file| names.contains(file));
            !imports.is_empty()
        });
        let imported: BTreeSet<&str> = left.values().flatten().copied().collect();
        left.retain(|file, _| imported.contains(file));
        if left.len() == before {
            break;
        }
    }
    let files: Vec<String> = left.into_keys().map(str::to_owned).collect();
    (!files.is_empty()).then_some(files)
}
