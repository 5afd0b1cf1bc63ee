//! What is signed, as a template that is read once.

/// The signed bytes: up to 8 pieces in their order.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Content<'t> {
    parts: [Part<'t>; MAX_PARTS],
    count: usize,
    /// The byte that ends an id in the signed bytes, and so may not stand in one.
    id_end: Option<u8>,
}

/// A piece of the signed bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Part<'t> {
    Id,
    Time,
    Body,
    Text(&'t str),
}

/// What a template is filled with around the body, which may still have to come.
#[derive(Clone, Copy)]
pub(crate) struct Filling<'a> {
    pub(crate) content: &'a Content<'a>,
    pub(crate) id: &'a str,
    pub(crate) time: &'a str,
}

/// What is wrong with a template for signed content.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ContentError {
    /// A brace is not part of `{id}`, `{t}` or `{body}`.
    #[error("braces may only stand in `{{id}}`, `{{t}}` and `{{body}}`")]
    Brace,
    /// `{body}` is not there: anything could be put in the place of the body.
    #[error("`{{body}}` is missing")]
    NoBody,
    /// The id, the time or the body is there twice.
    #[error("`{{id}}`, `{{t}}` and `{{body}}` may each stand there once")]
    Repeated,
    /// Two of id, time and body could not be told apart in the signed bytes, so that one signature
    /// would hold for two messages.
    #[error(
        "between two of `{{id}}`, `{{t}}` and `{{body}}` there must be a text that begins and ends \
         with an ASCII character that is no letter and no digit"
    )]
    NotSeparated,
}

impl<'t> Content<'t> {
    /// Reads a template: `{id}`, `{t}` and `{body}`, and text that stands for itself.
    pub(crate) const fn parse(template: &'t str) -> Result<Self, ContentError> {
        let mut content = Self {
            parts: [Part::Text(""); MAX_PARTS],
            count: 0,
            id_end: None,
        };
        let mut rest = template;
        while !rest.is_empty() {
            let Some((part, behind)) = next(rest) else {
                return Err(ContentError::Brace);
            };
            rest = behind;
            // Texts do not follow each other, so more parts than fit have a variable twice.
            if content.count == MAX_PARTS || (!part.is_text() && content.has(part)) {
                return Err(ContentError::Repeated);
            }
            content.parts[content.count] = part;
            content.count += 1;
        }
        if !content.has(Part::Body) {
            return Err(ContentError::NoBody);
        }
        content.separated()
    }

    /// Returns the template as given if its variables can be told apart, with the end of an id.
    const fn separated(mut self) -> Result<Self, ContentError> {
        let mut index = 1;
        let mut body_seen = self.parts[0].is(Part::Body);
        while index < self.count {
            let [before, part] = [self.parts[index - 1], self.parts[index]];
            body_seen = body_seen || part.is(Part::Body);
            if index + 1 < self.count || !part.is_text() {
                match part {
                    Part::Text(text) => {
                        let Some((first, last)) = ends(text) else {
                            return Err(ContentError::NotSeparated);
                        };
                        // Read from the start up to the body, and from the end back to it.
                        if before.is(Part::Id) && !body_seen {
                            self.id_end = Some(first);
                        } else if self.parts[index + 1].is(Part::Id) && body_seen {
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

    /// Returns whether `part` is among the parts.
    pub(crate) const fn has(&self, part: Part<'_>) -> bool {
        let mut index = 0;
        while index < self.count {
            if self.parts[index].is(part) {
                return true;
            }
            index += 1;
        }
        false
    }

    pub(crate) fn parts(&self) -> &[Part<'t>] {
        &self.parts[..self.count]
    }

    /// Returns the byte that may not stand in an id.
    pub(crate) const fn id_end(&self) -> Option<u8> {
        self.id_end
    }
}

impl Part<'_> {
    /// Compares kinds: `==` is not yet for constants.
    const fn is(self, other: Part<'_>) -> bool {
        matches!(
            (self, other),
            (Self::Id, Part::Id)
                | (Self::Time, Part::Time)
                | (Self::Body, Part::Body)
                | (Self::Text(_), Part::Text(_))
        )
    }

    const fn is_text(self) -> bool {
        matches!(self, Self::Text(_))
    }
}

impl Filling<'_> {
    /// Hands over the signed bytes before the body, piece by piece.
    pub(crate) fn before_body(&self, take: impl FnMut(&[u8])) {
        let parts = self.content.parts().iter();
        self.each(parts.take_while(|part| !part.is(Part::Body)), take);
    }

    /// Hands over the signed bytes behind the body, piece by piece.
    pub(crate) fn behind_body(&self, take: impl FnMut(&[u8])) {
        let parts = self.content.parts().iter();
        self.each(parts.skip_while(|part| !part.is(Part::Body)), take);
    }

    fn each<'p>(&self, parts: impl Iterator<Item = &'p Part<'p>>, mut take: impl FnMut(&[u8])) {
        for part in parts {
            match part {
                Part::Id => take(self.id.as_bytes()),
                Part::Time => take(self.time.as_bytes()),
                Part::Text(text) => take(text.as_bytes()),
                Part::Body => {}
            }
        }
    }
}

/// Splits the first part off.
const fn next(rest: &str) -> Option<(Part<'_>, &str)> {
    let mut end = 0;
    while end < rest.len() && !matches!(rest.as_bytes()[end], b'{' | b'}') {
        end += 1;
    }
    if end > 0 {
        let (text, rest) = rest.split_at(end);
        return Some((Part::Text(text), rest));
    }
    if let Some(rest) = after("{id}", rest) {
        Some((Part::Id, rest))
    } else if let Some(rest) = after("{t}", rest) {
        Some((Part::Time, rest))
    } else if let Some(rest) = after("{body}", rest) {
        Some((Part::Body, rest))
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

/// Returns the first and the last byte of `text`, if both separate.
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

/// Three variables, and a text before, between and behind them.
const MAX_PARTS: usize = 7;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_template_is_read_into_its_parts() {
        for (template, parts, id_end) in [
            ("{body}", &[Part::Body][..], None),
            (
                "v0:{t}:{body}",
                &[Part::Text("v0:"), Part::Time, Part::Text(":"), Part::Body],
                None,
            ),
            (
                "{id}.-{t}\n{body}!",
                &[
                    Part::Id,
                    Part::Text(".-"),
                    Part::Time,
                    Part::Text("\n"),
                    Part::Body,
                    Part::Text("!"),
                ],
                Some(b'.'),
            ),
            (
                "{t}.{body}-/{id}",
                &[
                    Part::Time,
                    Part::Text("."),
                    Part::Body,
                    Part::Text("-/"),
                    Part::Id,
                ],
                Some(b'/'),
            ),
        ] {
            let content = Content::parse(template).unwrap();
            assert_eq!(content.parts(), parts, "{template}");
            assert_eq!(content.id_end(), id_end, "{template}");
        }
    }

    #[test]
    fn a_template_that_could_mean_two_messages_is_refused() {
        for (template, error) in [
            ("", ContentError::NoBody),
            ("{t}.{id}", ContentError::NoBody),
            ("{t}.{body}.{body}", ContentError::Repeated),
            ("{t}.{t}.{t}.{t}.{body}", ContentError::Repeated),
            ("{t}{body}", ContentError::NotSeparated),
            ("{body}{id}", ContentError::NotSeparated),
            ("{t}0{body}", ContentError::NotSeparated),
            ("{id}.x{t}.{body}", ContentError::NotSeparated),
            ("{id}é{body}", ContentError::NotSeparated),
            ("{body", ContentError::Brace),
            ("}{body}", ContentError::Brace),
            ("{{body}}", ContentError::Brace),
            ("{timestamp}.{body}", ContentError::Brace),
        ] {
            assert_eq!(Content::parse(template), Err(error), "{template}");
        }
    }

    proptest! {
        #[test]
        fn what_was_signed_can_be_told_from_the_signed_bytes(
            template in "(\\{id\\}|\\{t\\}|\\{body\\}|[.:a\n]){0,8}",
            body in "[.:a1\n]{0,8}",
        ) {
            crate::fuzzing::content_is_unambiguous(&template, body.as_bytes());
        }

        #[test]
        fn what_is_read_is_what_was_written(template in "(\\{id\\}|\\{t\\}|\\{body\\}|[.:a\\n{}]){0,8}") {
            if let Ok(content) = Content::parse(&template) {
                let written: String = content.parts().iter().map(|part| match part {
                    Part::Id => "{id}",
                    Part::Time => "{t}",
                    Part::Body => "{body}",
                    Part::Text(text) => text,
                }).collect();
                prop_assert_eq!(written, template);
            }
        }
    }
}
