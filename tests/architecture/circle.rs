//! Circles of imports.

use std::collections::{BTreeMap, BTreeSet};

/// Returns the files of a circle, if there is one.
pub(crate) fn first_circle(arrows: &BTreeSet<(String, String)>) -> Option<Vec<String>> {
    let mut left: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (from, to) in arrows {
        left.entry(from).or_default().insert(to);
        left.entry(to).or_default();
    }
    // Whatever imports nothing that is left is in no circle; nor is what nothing left imports.
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
