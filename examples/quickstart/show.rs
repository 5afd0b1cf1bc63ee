//! How the trip is printed: one line per hop, tables at the end.

use std::io::{IsTerminal, stdout};

fn paint(code: &str, text: &str) -> String {
    if stdout().is_terminal() {
        format!("\x1b[{code}m{text}\x1b[0m")
    } else {
        text.to_owned()
    }
}

pub(crate) fn title(text: &str) {
    println!("\n{}", paint("1", text));
}

/// One hop: what it is, and what happened there.
pub(crate) fn hop(name: &str, what: &str) {
    println!("  {} {what}", paint("36", &format!("{name:<9}")));
}

/// A check that the program stands or falls by.
pub(crate) fn check(what: &str, holds: bool) -> bool {
    let mark = if holds {
        paint("32", "ok")
    } else {
        paint("31", "FAILED")
    };
    println!("  {mark:<4} {what}");
    holds
}

/// A table whose columns are as wide as their widest cell.
pub(crate) fn table(heads: &[&str], rows: &[Vec<String>]) {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([heads[column].len()]).max().unwrap_or(0)
    };
    let widths: Vec<_> = (0..heads.len()).map(width).collect();
    let line = |cells: Vec<&str>| {
        let padded: Vec<_> = cells
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:<width$}"))
            .collect();
        format!("  {}", padded.join("  ").trim_end())
    };
    println!("{}", paint("2", &line(heads.to_vec())));
    for row in rows {
        println!("{}", line(row.iter().map(String::as_str).collect()));
    }
}
