//! The allowed imports between rooms, checked on the source text.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod circle;
mod documents;
mod imports;
mod source;

use std::collections::BTreeMap;

use crate::circle::first_circle;
use crate::imports::Crate;
use crate::source::{Source, is_within, sources};

/// The rooms by level. A room imports itself and rooms of lower levels only.
const LEVELS: &[&[&str]] = &[
    &["base", "metrics"],
    &["wire"],
    &["http", "doctor"],
    &["queue", "session"],
    &["receive", "send", "token"],
    &["store"],
    &["lib", "prelude", "guide", "testing", "fuzzing"],
];

/// Further forbidden imports of the files of the first path, with the reason.
const FORBIDDEN: &[(&str, &[&str], &str)] = &[
    (
        "store",
        &[
            "receive/verify",
            "send/emit",
            "send/better_auth",
            "send/worker",
        ],
        "a store knows models and ports, no layer and no worker",
    ),
    (
        "store/sqlite",
        &["store/postgres", "store/redis"],
        "one adapter does not know another",
    ),
    (
        "store/postgres",
        &["store/sqlite", "store/redis"],
        "one adapter does not know another",
    ),
    (
        "store/redis",
        &["store/sqlite", "store/postgres", "store/sql"],
        "one adapter does not know another",
    ),
    (
        "store/sql",
        &["store/sqlite", "store/postgres", "store/redis"],
        "what is shared knows no dialect",
    ),
    (
        "send/emit",
        &["send/better_auth", "send/worker"],
        "the layer knows no auth server",
    ),
    (
        "send/outbox",
        &["send/emit", "send/better_auth", "send/worker"],
        "the outbox is below them",
    ),
    (
        "receive/dedupe",
        &["receive/verify", "receive/inbox", "receive/mirror"],
        "dedupe is below them",
    ),
    (
        "receive/mirror",
        &["receive/verify", "receive/inbox"],
        "the mirror stands behind any layer",
    ),
    (
        "receive/inbox",
        &["receive/verify", "receive/mirror"],
        "the inbox is below the layer",
    ),
    (
        "http/body",
        &["http/client", "http/egress"],
        "bodies are below the client",
    ),
    (
        "http/egress",
        &["http/client"],
        "rules are below the client",
    ),
    ("wire/scheme", &["wire/signature"], "a scheme is data"),
];

/// External crates and the only files that may name them.
const CRATES: &[(&str, &[&str])] = &[
    ("sqlx", &["store/sql", "store/sqlite", "store/postgres"]),
    ("redis", &["store/redis"]),
    ("hyper", &["http/client"]),
    ("hyper_util", &["http/client"]),
    ("hyper_rustls", &["http/client"]),
    ("rustls", &["http/client"]),
    ("axum", &["token/routes"]),
    (
        "axum_core",
        &[
            "wire/problem/response",
            "receive/verify/extract",
            "send/emit/extract",
            "token/layer/extract",
            "token/routes",
        ],
    ),
    ("getrandom", &["base/entropy"]),
    ("aws_lc_rs", &["token", "wire/signature/algorithm/ed25519"]),
    ("metrics", &["metrics"]),
    (
        "tokio",
        &[
            "http", "queue", "session", "receive", "send", "token", "store", "metrics",
        ],
    ),
];

/// Only `base/clock` reads the time of day.
const TIME_READERS: [&str; 4] = [
    "SystemTime::now",
    "Timestamp::now",
    "Zoned::now",
    "Utc::now",
];

/// Names with the same meaning in several modules: the future and the private enum of each layer or
/// body.
const SHARED_NAMES: [&str; 3] = ["Inner", "InnerProj", "ResponseFuture"];

/// Limit of a file in lines, inline tests included.
const MAX_LINES: usize = 300;

#[test]
fn every_room_imports_only_rooms_below_it() {
    let mut wrong = Vec::new();
    for (from, to) in Crate::read(&sources()).arrows() {
        let (own, other) = (room_of(&from), room_of(&to));
        let is_below = level_of(other) < level_of(own) || level_of(own) == LEVELS.len() - 1;
        if own != other && !is_below {
            wrong.push(format!("{from} imports {to}"));
        }
        for (path, forbidden, why) in FORBIDDEN {
            let is_forbidden = forbidden.iter().any(|room| is_within(&to, room));
            if is_within(&from, path) && is_forbidden {
                wrong.push(format!("{from} imports {to}: {why}"));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    assert_eq!(first_circle(&Crate::read(&sources()).arrows()), None);
}

/// Forms of imports whose target the other tests would not see.
#[test]
fn imports_name_their_items_from_a_root() {
    let sources = sources();
    let mut wrong = Vec::new();
    let below_the_top = |source: &&Source| level_of(room_of(&source.path)) < LEVELS.len() - 1;
    for source in sources.iter().filter(below_the_top) {
        for line in source.code.lines().map(str::trim) {
            let is_hidden = ["extern crate ", "include!(", "$crate::"]
                .iter()
                .any(|form| line.contains(form));
            let import = line.split_once("use ").filter(|(before, _)| {
                let before = before.trim_end();
                before.is_empty() || before == "pub" || before.starts_with("pub(")
            });
            let is_vague =
                import.is_some_and(|(_, path)| is_vague_import(path, &source.path, &sources));
            if is_hidden || is_vague {
                wrong.push(format!("{}: {line}", source.path));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

/// Returns whether an import takes a whole room, everything of a module, another name of a root, or
/// a child module without `self::`.
fn is_vague_import(path: &str, file: &str, sources: &[Source]) -> bool {
    let folder = file.strip_suffix("mod").unwrap_or("no folder");
    let first = path.split("::").next().unwrap();
    let child = [format!("{folder}{first}"), format!("{folder}{first}/mod")];
    let room = path
        .strip_prefix("crate::")
        .and_then(|rest| rest.strip_suffix(';'));
    path.starts_with('{')
        || path.ends_with("::*;")
        || path.starts_with("crate as ")
        || path.starts_with("super as ")
        || room.is_some_and(|room| LEVELS.concat().contains(&room))
        || sources.iter().any(|source| child.contains(&source.path))
}

#[test]
fn every_file_stands_in_a_room_of_the_table() {
    let rooms = LEVELS.concat();
    let strangers: Vec<_> = sources()
        .into_iter()
        .filter(|source| !rooms.contains(&room_of(&source.path)))
        .map(|source| source.path)
        .collect();
    assert_eq!(strangers, Vec::<String>::new());
}

#[test]
fn drivers_and_frameworks_stay_in_their_rooms() {
    let mut wrong = Vec::new();
    for source in sources() {
        for (name, rooms) in CRATES {
            let is_allowed = level_of(room_of(&source.path)) == LEVELS.len() - 1
                || rooms.iter().any(|room| is_within(&source.path, room));
            if !is_allowed && source.names_crate(name) {
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
        .filter(|source| source.path != "base/clock")
        .filter(|source| TIME_READERS.iter().any(|call| source.code.contains(call)))
        .map(|source| source.path)
        .collect();
    assert_eq!(readers, Vec::<String>::new());
}

/// A comparison that stops at the first difference reveals the length of the right prefix.
#[test]
fn no_signature_is_compared_in_variable_time() {
    let comparisons = ["mac ==", "mac !=", "== mac", "!= mac", "== &mac"];
    let wrong: Vec<_> = sources()
        .into_iter()
        .filter(|source| {
            ["wire/signature", "token"]
                .iter()
                .any(|room| is_within(&source.path, room))
        })
        .filter(|source| comparisons.iter().any(|text| source.code.contains(text)))
        .map(|source| source.path)
        .collect();
    assert_eq!(wrong, Vec::<String>::new());
}

/// `cfg(feature)` gates modules, items, fields and match arms of gated variants, and nothing else inside
/// a function. No `#[path]` circumvents this.
#[test]
fn features_are_never_gated_inside_a_function() {
    let mut wrong = Vec::new();
    for source in sources() {
        let lines: Vec<&str> = source.code.lines().collect();
        for pair in lines.windows(2) {
            let indent = pair[0].len() - pair[0].trim_start().len();
            // A gate with more indentation than a field or a method is inside a function.
            let is_inside = indent > 4 && pair[0].contains("#[cfg") && pair[0].contains("feature");
            if is_inside && !pair[1].contains("=>") {
                wrong.push(format!("{}: {}", source.path, pair[0].trim()));
            }
        }
        if source.code.contains("#[path") {
            wrong.push(format!("{} takes a module from another path", source.path));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn every_name_of_a_type_means_one_thing() {
    let mut homes: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for source in sources() {
        for name in source.types() {
            homes.entry(name).or_default().push(source.path.clone());
        }
    }
    homes.retain(|name, files| files.len() > 1 && !SHARED_NAMES.contains(&name.as_str()));
    assert_eq!(homes, BTreeMap::new());
}

#[test]
fn no_file_outgrows_what_one_can_hold_in_mind() {
    let long: Vec<_> = sources()
        .into_iter()
        .map(|source| (source.lines, source.path))
        .filter(|(lines, _)| *lines > MAX_LINES)
        .collect();
    assert_eq!(long, vec![]);
}

/// Returns the first folder, or the file at the root.
fn room_of(path: &str) -> &str {
    path.split('/').next().unwrap()
}

fn level_of(room: &str) -> usize {
    LEVELS
        .iter()
        .position(|rooms| rooms.contains(&room))
        .unwrap_or(0)
}

#[test]
fn the_reader_follows_imports_to_the_file_of_their_item() {
    let source = |path: &str, text: &str| Source::read(path.to_owned(), text);
    let files = [
        source("base/mod", "pub mod clock;\n"),
        source("base/clock", "pub struct UnixTime;\n"),
        source(
            "wire/mod",
            "mod scheme;\npub use self::scheme::{Scheme, helper as other};\n",
        ),
        source(
            "wire/scheme",
            "use crate::base::clock::{self, UnixTime};\npub struct Scheme;\n",
        ),
        source(
            "wire/user",
            "use super::{Scheme, other};\n// use crate::base::clock::UnixTime;\n\n#[cfg(test)]\nmod tests {\n    use crate::base::clock::UnixTime;\n}\n",
        ),
        source("send/mod", "fn f() { crate::wire::Scheme::new() }\n"),
    ];
    let arrows = Crate::read(&files).arrows();
    let arrows: Vec<_> = arrows
        .iter()
        .map(|(from, to)| format!("{from} > {to}"))
        .collect();
    let expected = [
        "send/mod > wire/scheme",
        "wire/scheme > base/clock",
        "wire/user > wire/scheme",
    ];
    assert_eq!(arrows, expected);
}

#[test]
fn a_circle_is_found_and_named() {
    let arrow = |from: &str, to: &str| (from.to_owned(), to.to_owned());
    let tree = [arrow("a", "b"), arrow("a", "c"), arrow("b", "c")];
    assert_eq!(first_circle(&tree.clone().into()), None);
    let circle = [&tree[..], &[arrow("c", "b")]].concat();
    let found = first_circle(&circle.into_iter().collect());
    assert_eq!(found, Some(vec!["b".to_owned(), "c".to_owned()]));
}
