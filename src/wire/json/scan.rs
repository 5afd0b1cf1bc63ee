//! Scanning of JSON (RFC 8259) that decodes nothing.
//!
//! Our own code, since the id of most messages is found with it: serde's walk takes 1.5 times as
//! long as the check of the signature in which it stands.

/// A position in a JSON text. A method returns `None` if the text is not JSON there.
pub(super) struct Scanner<'j> {
    json: &'j [u8],
    at: usize,
}

impl<'j> Scanner<'j> {
    pub(super) const fn new(json: &'j [u8]) -> Self {
        Self { json, at: 0 }
    }

    /// Returns the next byte after white space, and stays before it. `None` at the end.
    pub(super) fn token(&mut self) -> Option<u8> {
        loop {
            match self.peek()? {
                b' ' | b'\n' | b'\t' | b'\r' => self.at += 1,
                token => return Some(token),
            }
        }
    }

    /// Takes the next byte after white space, which must be `token`.
    pub(super) fn expect(&mut self, token: u8) -> Option<()> {
        (self.token()? == token).then(|| self.at += 1)
    }

    /// Takes a string. Returns the bytes between its quotes, undecoded.
    pub(super) fn string(&mut self) -> Option<&'j [u8]> {
        self.expect(b'"')?;
        let start = self.at;
        loop {
            self.at += plain_length(self.json.get(self.at..)?);
            match self.byte()? {
                b'"' => return self.json.get(start..self.at - 1),
                b'\\' => self.escape()?,
                _ => return None,
            }
        }
    }

    /// Takes a value of any depth, without recursion.
    pub(super) fn value(&mut self) -> Option<()> {
        let mut closers = Vec::new();
        loop {
            match self.token()? {
                b'"' => self.string().map(drop)?,
                b't' => self.literal(b"true")?,
                b'f' => self.literal(b"false")?,
                b'n' => self.literal(b"null")?,
                b'[' => {
                    self.at += 1;
                    closers.push(b']');
                    if self.token()? != b']' {
                        continue;
                    }
                }
                b'{' => {
                    self.at += 1;
                    closers.push(b'}');
                    if self.token()? != b'}' {
                        self.name()?;
                        continue;
                    }
                }
                _ => self.number()?,
            }
            // After a value, or in an empty array or object.
            if !self.next_value(&mut closers)? {
                return Some(());
            }
        }
    }

    /// Closes what ends here. Returns whether another value follows inside of the rest.
    fn next_value(&mut self, closers: &mut Vec<u8>) -> Option<bool> {
        while let Some(&closer) = closers.last() {
            let token = self.token()?;
            self.at += 1;
            if token == closer {
                closers.pop();
            } else if token == b',' {
                if closer == b'}' {
                    self.name()?;
                }
                return Some(true);
            } else {
                return None;
            }
        }
        Some(false)
    }

    fn name(&mut self) -> Option<()> {
        self.string()?;
        self.expect(b':')
    }

    fn escape(&mut self) -> Option<()> {
        match self.byte()? {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(()),
            b'u' => {
                let digits = self.json.get(self.at..self.at + 4)?;
                self.at += 4;
                digits.iter().all(u8::is_ascii_hexdigit).then_some(())
            }
            _ => None,
        }
    }

    fn literal(&mut self, literal: &[u8]) -> Option<()> {
        let is_there = self.json.get(self.at..)?.starts_with(literal);
        is_there.then(|| self.at += literal.len())
    }

    fn number(&mut self) -> Option<()> {
        self.skip_one(b"-");
        // A number does not begin with a zero, unless that is all of its integer.
        if !self.skip_one(b"0") {
            self.digits()?;
        }
        if self.skip_one(b".") {
            self.digits()?;
        }
        if self.skip_one(b"eE") {
            self.skip_one(b"+-");
            self.digits()?;
        }
        Some(())
    }

    fn digits(&mut self) -> Option<()> {
        let start = self.at;
        while self.skip_one(b"0123456789") {}
        (self.at > start).then_some(())
    }

    fn skip_one(&mut self, of: &[u8]) -> bool {
        let is_there = self.peek().is_some_and(|byte| of.contains(&byte));
        self.at += usize::from(is_there);
        is_there
    }

    fn byte(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    fn peek(&self) -> Option<u8> {
        self.json.get(self.at).copied()
    }
}

/// Returns the number of bytes before the first quote, backslash or control character.
fn plain_length(bytes: &[u8]) -> usize {
    let (words, rest) = bytes.as_chunks();
    for (index, word) in words.iter().enumerate() {
        let special = special_bytes(u64::from_le_bytes(*word));
        if special != 0 {
            return index * size_of::<u64>() + special.trailing_zeros() as usize / 8;
        }
    }
    let is_special = |byte: &u8| matches!(byte, b'"' | b'\\' | ..=0x1f);
    let plain = rest.iter().position(is_special).unwrap_or(rest.len());
    bytes.len() - rest.len() + plain
}

/// Sets the highest bit of the first byte of `word` that is a quote, a backslash or a control
/// character, and no bit before it ("determine if a word has a byte less than n", Bit Twiddling
/// Hacks).
const fn special_bytes(word: u64) -> u64 {
    const ONES: u64 = u64::MAX / 255;
    const fn below(word: u64, least: u64) -> u64 {
        word.wrapping_sub(ONES * least) & !word
    }
    let quote = below(word ^ (ONES * b'"' as u64), 1);
    let backslash = below(word ^ (ONES * b'\\' as u64), 1);
    (below(word, 0x20) | quote | backslash) & (ONES << 7)
}
