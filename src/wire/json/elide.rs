//! Shortening of long texts in streamed JSON.

use bytes::{Buf, Bytes};

use crate::wire::event::MAX_TEXT;

/// Shortens each long string of a JSON text that arrives in chunks.
///
/// This bounds the memory by the limits of a payload, independent of the users' fields. A shortened
/// string is still longer than [`MAX_TEXT`], so that no payload contains a part of it.
#[derive(Debug, Default)]
pub(crate) struct Elider {
    /// Bytes of the open string so far.
    string: Option<usize>,
    /// Least number of bytes that remain of the open escape.
    escape: u8,
    cutting: bool,
}

/// An escape such as `\u0041` uses six bytes for one.
const KEPT: usize = 6 * MAX_TEXT;

impl Elider {
    /// Returns the next chunk without the removed bytes.
    pub(crate) fn push(&mut self, mut chunk: impl Buf) -> Bytes {
        let chunk = chunk.copy_to_bytes(chunk.remaining());
        let mut kept = Vec::with_capacity(chunk.len());
        kept.extend(chunk.iter().filter(|byte| self.keeps(**byte)));
        kept.into()
    }

    fn keeps(&mut self, byte: u8) -> bool {
        let Some(length) = self.string else {
            self.string = (byte == b'"').then_some(0);
            self.cutting = false;
            return true;
        };
        // An escape is kept or removed as a whole.
        self.cutting |= self.escape == 0 && length > KEPT;
        match (self.escape, byte) {
            (0, b'"') => {
                self.string = None;
                return true;
            }
            (0, b'\\') => self.escape = 1,
            (0, _) => {}
            (1, b'u') => self.escape = 4,
            (left, _) => self.escape = left - 1,
        }
        self.string = Some(length + 1);
        !self.cutting
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn elided(json: &str, size: usize) -> Vec<u8> {
        let mut elider = Elider::default();
        let chunks = json.as_bytes().chunks(size);
        chunks.flat_map(|chunk| elider.push(chunk)).collect()
    }

    #[test]
    fn a_long_string_is_cut_and_stays_longer_than_what_is_sent() {
        let long = 2 * KEPT;
        for long in [
            "a".repeat(long),
            "é".repeat(long),
            "\\\"".repeat(long),
            "\u{1}".repeat(long),
            "☕\n".repeat(long),
        ] {
            let json = json!({"before": "b", "long": long, "after": [1, "a"]}).to_string();
            for size in [7, 4096, json.len()] {
                let cut = elided(&json, size);
                assert!(cut.len() < KEPT + 100, "{}", cut.len());
                let read: Value = crate::wire::json::lenient::read(&cut).unwrap();
                assert_eq!(
                    (&read["before"], &read["after"]),
                    (&json!("b"), &json!([1, "a"]))
                );
                assert!(read["long"].as_str().unwrap().len() > MAX_TEXT);
            }
        }
    }

    proptest! {
        #[test]
        fn json_without_long_strings_stays_as_it_is(text in ".{0,40}", key in "[\"\\\\a-z]{0,5}", size in 1_usize..9) {
            let json = json!({key: [text, "\u{e9}\\", null]}).to_string();
            prop_assert_eq!(elided(&json, size), json.into_bytes());
        }
    }
}
