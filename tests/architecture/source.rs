//! The files of the crate.

use std::fs;
use std::path::{Path, PathBuf};

/// A file without its tests.
pub(crate) struct Source {
    /// The path below `src`, without `.rs`.
    pub(crate) path: String,
    /// The text without comments and without `#[cfg(test)]` items.
    pub(crate) code: String,
    /// The number of lines of the whole file.
    pub(crate) lines: usize,
}

impl Source {
    pub(crate) fn read(path: String, text: &str) -> Self {
        let code = without_test_module(text)
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"))
            .map(|line| format!("{line}\n"))
            .collect();
        Self {
            path,
            code,
            lines: text.lines().count(),
        }
    }

    /// Returns whether the code names an external crate.
    pub(crate) fn names_crate(&self, name: &str) -> bool {
        self.code
            .match_indices(&format!("{name}::"))
            .any(|(at, _)| !self.code[..at].ends_with(in_path) || self.code[..at].ends_with(" ::"))
    }

    /// Returns the names of the types and traits that the file declares.
    pub(crate) fn types(&self) -> Vec<String> {
        let declared = |line: &str| {
            let line = line.trim_start();
            let line = line.strip_prefix("pub ").unwrap_or(line);
            let line = line.strip_prefix("pub(crate) ").unwrap_or(line);
            let line = line.strip_prefix("pub(super) ").unwrap_or(line);
            let (kind, rest) = line.split_once(' ')?;
            let name: String = rest.chars().take_while(|c| c.is_alphanumeric()).collect();
            let is_type = ["struct", "enum", "trait"].contains(&kind);
            (is_type && !name.is_empty()).then_some(name)
        };
        self.code.lines().filter_map(declared).collect()
    }
}

/// Cuts off the inline test module, which is the last item of a file. A `mod tests;` does not count.
fn without_test_module(text: &str) -> &str {
    let gates = ["\n#[cfg(test)]\n", "\n#[cfg(all(test"];
    let starts = gates.iter().flat_map(|gate| text.match_indices(gate));
    let modules = starts.filter(|(start, _)| {
        let mut rest = text[start + 1..].lines();
        let item = rest.find(|line| line.starts_with(char::is_alphabetic));
        item.is_some_and(|item| item.starts_with("mod ") && item.ends_with('{'))
    });
    let end = modules.map(|(start, _)| start).min();
    &text[..end.unwrap_or(text.len())]
}

/// Returns the sources of the crate without its tests.
pub(crate) fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    walk(&root, &mut files);
    files
        .into_iter()
        .map(|file| {
            let text = fs::read_to_string(&file).unwrap();
            let path = file.strip_prefix(&root).unwrap().with_extension("");
            Source::read(path.display().to_string(), &text)
        })
        .filter(|source| !source.path.ends_with("tests") && !source.path.contains("/tests/"))
        .collect()
}

/// Returns whether the file or folder is in `room`.
pub(crate) fn is_within(path: &str, room: &str) -> bool {
    path.strip_prefix(room)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn in_path(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | ':')
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(&path, files);
        } else if path.extension().is_some_and(|end| end == "rs") {
            files.push(path);
        }
    }
}
