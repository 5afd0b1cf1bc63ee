//! The signed content, as a template that is parsed once.

#[cfg(test)]
mod tests;

/// The signed content: up to 7 segments in order.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Template<'t> {
    segments: [Segment<'t>; MAX_SEGMENTS],
    count: usize,
    /// The byte that ends an id in the signed content. No id may contain it.
    id_end: Option<u8>,
}

/// A segment of the signed content.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Segment<'t> {
    Id,
    Time,
    Body,
    Text(&'t str),
}

/// A template with its id and time. The body is separate and may be incomplete.
#[derive(Clone, Copy)]
pub(crate) struct Rendered<'a> {
    pub(crate) template: &'a Template<'a>,
    pub(crate) id: &'a str,
    pub(crate) time: &'a str,
}

/// A fault in a template of signed content.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ContentError {
    /// A brace is not part of `{id}`, `{t}` or `{body}`.
    #[error("braces may only stand in `{{id}}`, `{{t}}` and `{{body}}`")]
    Brace,
    /// `{body}` is missing: an attacker could replace the body.
    #[error("`{{body}}` is missing")]
    NoBody,
    /// The id, the time or the body occurs twice.
    #[error("`{{id}}`, `{{t}}` and `{{body}}` may each stand there once")]
    Repeated,
    /// The signed bytes do not separate id, time and body, so that one signature would match two
    /// messages.
    #[error(
        "between two of `{{id}}`, `{{t}}` and `{{body}}` there must be a text that begins and ends \
         with an ASCII character that is no letter and no digit"
    )]
    NotSeparated,
}

impl<'t> Template<'t> {
    /// Parses a template: `{id}`, `{t}`, `{body}` and literal text.
    pub(crate) const fn parse(template: &'t str) -> Result<Self, ContentError> {
        let mut content = Self {
            segments: [Segment::Text(""); MAX_SEGMENTS],
            count: 0,
            id_end: None,
        };
        let mut rest = template;
        while !rest.is_empty() {
            let Some((segment, behind)) = next(rest) else {
                return Err(ContentError::Brace);
            };
            rest = behind;
            // Two texts are never adjacent, so more segments than the limit contain a variable twice.
            if content.count == MAX_SEGMENTS || (!segment.is_text() && content.has(segment)) {
                return Err(ContentError::Repeated);
            }
            content.segments[content.count] = segment;
            content.count += 1;
        }
        if !content.has(Segment::Body) {
            return Err(ContentError::NoBody);
        }
        content.separated()
    }

    /// Checks that text separates the variables, and sets the end of the id.
    const fn separated(mut self) -> Result<Self, ContentError> {
        let mut index = 1;
        let mut body_seen = self.segments[0].is(Segment::Body);
        while index < self.count {
            let [before, segment] = [self.segments[index - 1], self.segments[index]];
            body_seen = body_seen || segment.is(Segment::Body);
            if index + 1 < self.count || !segment.is_text() {
                match segment {
                    Segment::Text(text) => {
                        let Some((first, last)) = ends(text) else {
                            return Err(ContentError::NotSeparated);
                        };
                        // A reader parses from the start to the body, and from the end back to the body.
                        if before.is(Segment::Id) && !body_seen {
                            self.id_end = Some(first);
                        } else if self.segments[index + 1].is(Segment::Id) && body_seen {
                            self.id_end = Some(last);
                        }
                    }
                    _ if !before.is_text() => return Err(ContentError::NotSeparated),
                    _ => {}
                }
            }
            index += 1;
        }
        Ok(self)
    }

    /// Returns whether the template contains `segment`.
    pub(crate) const fn has(&self, segment: Segment<'_>) -> bool {
        let mut index = 0;
        while index < self.count {
            if self.segments[index].is(segment) {
                return true;
            }
            index += 1;
        }
        false
    }

    pub(crate) fn segments(&self) -> &[Segment<'t>] {
        &self.segments[..self.count]
    }

    /// Returns the byte that no id may contain.
    pub(crate) const fn id_end(&self) -> Option<u8> {
        self.id_end
    }
}

impl Segment<'_> {
    /// Compares kinds: `==` is not `const`.
    const fn is(self, other: Segment<'_>) -> bool {
        matches!(
            (self, other),
            (Self::Id, Segment::Id)
                | (Self::Time, Segment::Time)
                | (Self::Body, Segment::Body)
                | (Self::Text(_), Segment::Text(_))
        )
    }

    const fn is_text(self) -> bool {
        matches!(self, Self::Text(_))
    }
}

impl Rendered<'_> {
    /// Passes the signed bytes before the body to `push`, in chunks.
    pub(crate) fn before_body(&self, push: impl FnMut(&[u8])) {
        let segments = self.template.segments().iter();
        self.each(
            segments.take_while(|segment| !segment.is(Segment::Body)),
            push,
        );
    }

    /// Passes the signed bytes behind the body to `push`, in chunks.
    pub(crate) fn behind_body(&self, push: impl FnMut(&[u8])) {
        let segments = self.template.segments().iter();
        self.each(
            segments.skip_while(|segment| !segment.is(Segment::Body)),
            push,
        );
    }

    fn each<'p>(
        &self,
        segments: impl Iterator<Item = &'p Segment<'p>>,
        mut push: impl FnMut(&[u8]),
    ) {
        for segment in segments {
            match segment {
                Segment::Id => push(self.id.as_bytes()),
                Segment::Time => push(self.time.as_bytes()),
                Segment::Text(text) => push(text.as_bytes()),
                Segment::Body => {}
            }
        }
    }
}

/// Splits off the first segment.
const fn next(rest: &str) -> Option<(Segment<'_>, &str)> {
    let mut end = 0;
    while end < rest.len() && !matches!(rest.as_bytes()[end], b'{' | b'}') {
        end += 1;
    }
    if end > 0 {
        let (text, rest) = rest.split_at(end);
        return Some((Segment::Text(text), rest));
    }
    if let Some(rest) = after("{id}", rest) {
        Some((Segment::Id, rest))
    } else if let Some(rest) = after("{t}", rest) {
        Some((Segment::Time, rest))
    } else if let Some(rest) = after("{body}", rest) {
        Some((Segment::Body, rest))
    } else {
        None
    }
}

/// `strip_prefix`, for constants.
const fn after<'t>(prefix: &str, text: &'t str) -> Option<&'t str> {
    if text.len() < prefix.len() {
        return None;
    }
    let mut index = 0;
    while index < prefix.len() {
        if text.as_bytes()[index] != prefix.as_bytes()[index] {
            return None;
        }
        index += 1;
    }
    Some(text.split_at(prefix.len()).1)
}

/// Returns the first and the last byte of `text`, if both are separators.
const fn ends(text: &str) -> Option<(u8, u8)> {
    let bytes = text.as_bytes();
    let (first, last) = (bytes[0], bytes[bytes.len() - 1]);
    if separates(first) && separates(last) {
        Some((first, last))
    } else {
        None
    }
}

const fn separates(byte: u8) -> bool {
    byte.is_ascii() && !byte.is_ascii_alphanumeric()
}

/// Three variables, and texts before, between and behind them.
const MAX_SEGMENTS: usize = 7;
