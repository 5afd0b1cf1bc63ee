//! The README and the examples stay short, and their links lead somewhere.

use std::fs;
use std::path::Path;

const README_WORDS: usize = 900;
const README_CODE_LINES: usize = 12;
const EXAMPLE_LINES: usize = 80;

/// The examples for newcomers: one feature each.
const SMALL_EXAMPLES: [&str; 4] = ["receiver", "sender", "jwt", "mirror"];

#[test]
fn the_readme_and_its_code_stay_short() {
    let readme = read("README.md");
    assert!(readme.split_whitespace().count() <= README_WORDS);
    // Every second part stands inside a fence.
    for block in readme.split("```").skip(1).step_by(2) {
        let lines = block.trim_end().lines().count() - 1;
        assert!(lines <= README_CODE_LINES, "{lines} lines:\n{block}");
    }
}

#[test]
fn every_link_of_the_readme_leads_to_a_file() {
    let readme = read("README.md");
    let targets = readme.split("](").skip(1);
    let targets = targets.filter_map(|rest| rest.split([')', '#']).next());
    let missing: Vec<_> = targets
        .filter(|target| !target.starts_with("https://") && !root().join(target).exists())
        .collect();
    assert_eq!(missing, Vec::<&str>::new());
}

#[test]
fn small_examples_stay_small() {
    for name in SMALL_EXAMPLES {
        let lines = read(&format!("examples/{name}.rs")).lines().count();
        assert!(lines <= EXAMPLE_LINES, "{name} has {lines} lines");
    }
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
