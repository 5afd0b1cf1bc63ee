//! Who may import whom: the table of the design, checked on the source text.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// A room, and the rooms of this crate that it may name.
struct Room {
    path: &'static str,
    may_import: &'static [&'static str],
}

const fn room(path: &'static str, may_import: &'static [&'static str]) -> Room {
    Room { path, may_import }
}

const BASE: [&str; 9] = [
    "clock",
    "entropy",
    "id",
    "pem",
    "secret",
    "problem",
    "body",
    "store_error",
    "work",
];
const DOMAIN: [&str; 4] = ["signature", "event", "retry", "egress"];
const PORTS: [&str; 5] = ["dedupe", "delivery", "inbox", "jwks", "mirror"];

/// Levels by name, so that a room lists only what it may see besides them.
const L0: &str = "L0";
const L1: &str = "L1";
const L2: &str = "L2";

/// The longest matching path rules.
const ROOMS: &[Room] = &[
    room("clock", &[]),
    room("entropy", &[]),
    room("id", &["clock", "entropy"]),
    room("pem", &[]),
    room("secret", &["entropy"]),
    room("problem", &[]),
    room("body", &["problem"]),
    room("store_error", &["problem"]),
    room("work", &[]),
    room("signature", &[L0]),
    room("event", &[L0]),
    room("retry", &[L0]),
    room("egress", &[L0]),
    room("dedupe", &[L0, L1]),
    room("delivery", &[L0, L1]),
    // A message in the inbox has the names by which `dedupe` knows it.
    room("inbox", &[L0, L1, "dedupe"]),
    room("jwks", &[L0, L1]),
    room("jwks/remote", &[L0, L1, L2, "client"]),
    room("mirror", &[L0, L1]),
    room("client", &[L0, L1, L2]),
    room("store", &[L0, L1, L2, "store"]),
    room("store/columns", &[L0]),
    room("store/inbox", &[L0, L1, L2]),
    room("store/migrate", &[L0]),
    room("store/sqlite", &[L0, L1, L2]),
    room("store/postgres", &[L0, L1, L2]),
    room("store/redis", &[L0, L1, L2]),
    room("metrics", &[L0]),
    room("verify", &[L0, L1, L2, "metrics"]),
    room("emit", &[L0, L1, L2]),
    room("jwt", &[L0, L1, L2]),
    room("worker", &[L0, L1, L2, "client", "metrics"]),
];

/// Rooms that may name everything.
const OPEN: [&str; 3] = ["lib.rs", "testing", "fuzzing"];

/// External crates, and the rooms that alone may name them.
const CRATES: &[(&str, &[&str])] = &[
    (
        "sqlx",
        &[
            "store/inbox",
            "store/migrate",
            "store/sqlite",
            "store/postgres",
        ],
    ),
    ("redis", &["store/redis"]),
    ("hyper", &["client"]),
    ("hyper_util", &["client"]),
    ("hyper_rustls", &["client"]),
    ("axum", &["jwks/routes", "admin"]),
    (
        "axum_core",
        &[
            "problem/response",
            "verify/extract",
            "emit/extract",
            "jwt/extract",
            "jwks/routes",
        ],
    ),
    ("getrandom", &["entropy"]),
    ("aws_lc_rs", &["jwks", "signature/algorithm/ed25519"]),
    (
        "tokio",
        &[
            "body", "metrics", "dedupe", "delivery", "inbox", "jwks", "mirror", "store", "client",
            "verify", "emit", "jwt", "work", "worker",
        ],
    ),
];

/// Only `clock` reads the time of day.
const TIME_READERS: [&str; 4] = [
    "SystemTime::now",
    "Timestamp::now",
    "Zoned::now",
    "Utc::now",
];

#[test]
fn every_room_imports_only_from_the_levels_below_it() {
    let mut wrong = Vec::new();
    for source in sources() {
        let Some(room) = room_of(&source.path) else {
            continue;
        };
        for named in crate_paths(&source.code) {
            if !may_name(room, &source.path, &named) {
                wrong.push(format!("{} names crate::{named}", source.path));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn drivers_and_frameworks_stay_in_their_rooms() {
    let mut wrong = Vec::new();
    for source in sources() {
        for (name, rooms) in CRATES {
            let allowed =
                is_open(&source.path) || rooms.iter().any(|room| is_within(&source.path, room));
            if !allowed && names_crate(&source.code, name) {
                wrong.push(format!("{} names {name}", source.path));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn only_the_clock_reads_the_time() {
    let readers: Vec<_> = sources()
        .into_iter()
        .filter(|source| source.path != "clock.rs")
        .filter(|source| TIME_READERS.iter().any(|call| source.code.contains(call)))
        .map(|source| source.path)
        .collect();
    assert_eq!(readers, Vec::<String>::new());
}

/// A comparison that stops at the first difference tells how much of a signature was right.
#[test]
fn no_signature_is_compared_in_variable_time() {
    let wrong: Vec<_> = sources()
        .into_iter()
        .filter(|source| ["signature", "jwks"].contains(&top_of(&source.path)))
        .flat_map(|source| source.code.lines().map(str::to_owned).collect::<Vec<_>>())
        .filter(|line| {
            ["mac ==", "mac !=", "== mac", "!= mac", "== &mac"]
                .iter()
                .any(|comparison| line.contains(comparison))
        })
        .collect();
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn features_are_gated_in_lib_and_mod_files_only() {
    let gated: Vec<_> = sources()
        .into_iter()
        .filter(|source| source.path != "lib.rs" && !source.path.ends_with("mod.rs"))
        // The answers of `problem` for axum, and fuzz targets, stand beside what they belong to.
        .filter(|source| !["problem.rs", "fuzzing.rs"].contains(&source.path.as_str()))
        .filter(|source| {
            source.code.contains("cfg(feature") || source.code.contains("cfg(any(feature")
        })
        .map(|source| source.path)
        .collect();
    assert_eq!(gated, Vec::<String>::new());
}

#[test]
fn every_room_of_the_crate_stands_in_the_table() {
    let known: BTreeSet<&str> = ROOMS
        .iter()
        .map(|room| room.path.split('/').next().unwrap())
        .chain(OPEN)
        .collect();
    let unknown: BTreeSet<String> = sources()
        .iter()
        .map(|source| top_of(&source.path).to_owned())
        .filter(|top| !known.contains(top.as_str()))
        .collect();
    assert_eq!(unknown, BTreeSet::new());
}

#[test]
fn no_file_outgrows_what_one_can_hold_in_mind() {
    let long: Vec<_> = sources()
        .iter()
        .map(|source| (source.code.lines().count(), source.path.clone()))
        .filter(|(lines, _)| *lines > 400)
        .collect();
    assert_eq!(long, vec![]);
}

struct Source {
    path: String,
    /// The text without comments and without what `#[cfg(test)]` holds.
    code: String,
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    walk(&root, &mut files);
    files
        .into_iter()
        .map(|file| {
            let text = fs::read_to_string(&file).unwrap();
            Source {
                path: file.strip_prefix(&root).unwrap().display().to_string(),
                code: without_tests(&text),
            }
        })
        .filter(|source| !source.path.ends_with("tests.rs") && !source.path.contains("/tests/"))
        .collect()
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

/// Cuts the test module, which stands last in a file, and comment lines.
fn without_tests(text: &str) -> String {
    let code = text.split("\n#[cfg(test)]\nmod ").next().unwrap();
    code.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .map(|line| format!("{line}\n"))
        .collect()
}

/// Every `crate::a::b` as `a/b`, also inside `use crate::{…}` which the house style does not use.
fn crate_paths(code: &str) -> Vec<String> {
    code.split("crate::")
        .skip(1)
        .map(|rest| {
            rest.split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | ':')))
                .next()
                .unwrap()
                .replace("::", "/")
        })
        .collect()
}

fn names_crate(code: &str, name: &str) -> bool {
    code.match_indices(&format!("{name}::")).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        !before.is_some_and(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | ':'))
    })
}

fn top_of(path: &str) -> &str {
    if path == "lib.rs" {
        return path;
    }
    path.split('/').next().unwrap().trim_end_matches(".rs")
}

fn is_open(path: &str) -> bool {
    OPEN.contains(&top_of(path))
}

fn is_within(path: &str, room: &str) -> bool {
    path == format!("{room}.rs") || path.starts_with(&format!("{room}/"))
}

fn room_of(path: &str) -> Option<&'static Room> {
    ROOMS
        .iter()
        .filter(|room| is_within(path, room.path))
        .max_by_key(|room| room.path.len())
}

fn may_name(room: &Room, path: &str, named: &str) -> bool {
    let top = named.split('/').next().unwrap();
    let own = top_of(path);
    let crosses_stores = own == "store" && top == "store" && room.path != "store";
    if crosses_stores {
        return [room.path, "store/columns", "store/inbox", "store/migrate"]
            .iter()
            .any(|path| named.starts_with(path));
    }
    top == own
        // Re-exports at the root of the crate: `crate::StoreError`.
        || top.starts_with(|c: char| c.is_ascii_uppercase())
        || room.may_import.iter().any(|allowed| match *allowed {
            L0 => BASE.contains(&top),
            L1 => DOMAIN.contains(&top),
            L2 => PORTS.contains(&top),
            name => name == top,
        })
}

#[test]
fn the_reader_of_imports_sees_what_it_should() {
    let code = without_tests(
        "use crate::clock::UnixTime;\n// crate::worker::Worker\nlet x = crate::store::sqlite::Y;\n\n#[cfg(test)]\nmod tests {\n    use crate::verify::X;\n}\n",
    );
    assert_eq!(crate_paths(&code), ["clock/UnixTime", "store/sqlite/Y"]);
    assert!(names_crate("use axum::Router;", "axum"));
    assert!(!names_crate("use my_axum::Router;", "axum"));
    assert!(!names_crate("use axum_core::x;", "axum"));
}
