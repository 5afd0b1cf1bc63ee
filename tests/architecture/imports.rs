//! Resolution of paths in the code to the files of their items.

use std::collections::{BTreeMap, BTreeSet};

use crate::source::Source;

/// The modules of a crate and their imports of each other.
pub(crate) struct Crate {
    /// The file of each module, by its path such as `["wire", "scheme"]`.
    files: BTreeMap<Vec<String>, String>,
    /// The re-exports of each `mod.rs`: its path with the name, and the path of the item.
    handed_on: BTreeMap<Vec<String>, Vec<String>>,
    /// Every path in a file, from the root of the crate.
    named: Vec<(String, Vec<String>)>,
}

impl Crate {
    pub(crate) fn read(sources: &[Source]) -> Self {
        let mut this = Self {
            files: BTreeMap::new(),
            handed_on: BTreeMap::new(),
            named: Vec::new(),
        };
        for source in sources {
            let module = module_of(&source.path);
            this.files.insert(module.clone(), source.path.clone());
            for (path, alias) in paths(&source.code) {
                let Some(path) = absolute(&module, &path) else {
                    continue;
                };
                if let Some(name) = alias {
                    let here = [module.clone(), vec![name]].concat();
                    if here != path {
                        this.handed_on.insert(here, path.clone());
                    }
                }
                this.named.push((source.path.clone(), path));
            }
        }
        this
    }

    /// Returns each pair of files whose first names an item of the second.
    pub(crate) fn arrows(&self) -> BTreeSet<(String, String)> {
        let mut arrows = BTreeSet::new();
        for (from, path) in &self.named {
            // A re-export in a `mod.rs` is no import.
            let is_handed_on = from.ends_with("mod") || from == "lib";
            let target = self.file_of(path);
            let is_below = is_handed_on && module_of(&target).starts_with(&module_of(from));
            if target != *from && target != "lib" && !is_below {
                arrows.insert((from.clone(), target));
            }
        }
        arrows
    }

    /// Returns the file that declares the item at `path`.
    fn file_of(&self, path: &[String]) -> String {
        let mut path = path.to_vec();
        // A chain of re-exports is as long as the tree is deep.
        for _ in 0..8 {
            let known = (1..=path.len()).rev().find_map(|end| {
                let item = self.handed_on.get(&path[..end])?;
                Some([item.as_slice(), &path[end..]].concat())
            });
            match known {
                Some(further) if !self.files.contains_key(&path) => path = further,
                _ => break,
            }
        }
        let module = (0..=path.len())
            .rev()
            .find_map(|end| self.files.get(&path[..end]));
        module.cloned().unwrap_or_else(|| "lib".to_owned())
    }
}

fn module_of(path: &str) -> Vec<String> {
    let mut module: Vec<String> = path.split('/').map(str::to_owned).collect();
    if module
        .last()
        .is_some_and(|name| name == "mod" || name == "lib")
    {
        module.pop();
    }
    module
}

/// Returns `path` from the root of the crate, if it is a path of this crate.
fn absolute(module: &[String], path: &[String]) -> Option<Vec<String>> {
    let (first, rest) = path.split_first()?;
    match first.as_str() {
        "crate" => Some(rest.to_vec()),
        "self" => Some([module, rest].concat()),
        "super" => {
            let ups = path.iter().take_while(|name| *name == "super").count();
            let parent = &module[..module.len().checked_sub(ups)?];
            Some([parent, &path[ups..]].concat())
        }
        _ => None,
    }
}

/// Returns every path in the code, and for each `use` the local name of the item.
fn paths(code: &str) -> Vec<(Vec<String>, Option<String>)> {
    let mut found = Vec::new();
    let mut rest = String::new();
    for (index, statement) in code.split("use ").enumerate() {
        let begins = index > 0
            && ["crate", "self", "super"]
                .iter()
                .any(|root| statement.starts_with(root));
        let after = match statement.split_once(';') {
            Some((tree, after)) if begins => {
                leaves(&[], tree, &mut found);
                after
            }
            _ => statement,
        };
        rest.push_str(after);
        rest.push('\n');
    }
    for root in ["crate::", "super::", "self::"] {
        for (at, _) in rest.match_indices(root) {
            let is_inner =
                rest[..at].ends_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | ':' | '$'));
            let end = rest[at..].find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | ':')));
            let path = &rest[at..at + end.unwrap_or(rest.len() - at)];
            if !is_inner {
                found.push((split(path), None));
            }
        }
    }
    found
}

fn split(path: &str) -> Vec<String> {
    let names = path
        .split("::")
        .map(str::trim)
        .filter(|name| !name.is_empty());
    names.map(str::to_owned).collect()
}

/// Adds the paths of a `use` tree.
fn leaves(before: &[String], tree: &str, found: &mut Vec<(Vec<String>, Option<String>)>) {
    let tree = tree.trim();
    let Some((head, inner)) = tree.split_once('{') else {
        let (path, alias) = tree
            .split_once(" as ")
            .map_or((tree, None), |(path, name)| (path, Some(name)));
        let mut path = [before, &split(path)].concat();
        if path.len() > 1 && path.last().is_some_and(|name| name == "self") {
            path.pop();
        }
        let name = alias
            .map(|name| name.trim().to_owned())
            .or_else(|| path.last().cloned());
        found.push((path, name));
        return;
    };
    let before = [before, &split(head)].concat();
    let inner = inner.trim_end().strip_suffix('}').unwrap_or(inner);
    let (mut depth, mut start) = (0, 0);
    for (at, c) in inner.char_indices().chain([(inner.len(), ',')]) {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                let part = &inner[start..at];
                if !part.trim().is_empty() {
                    leaves(&before, part, found);
                }
                start = at + 1;
            }
            _ => {}
        }
    }
}
