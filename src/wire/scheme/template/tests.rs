use proptest::prelude::*;

use super::*;

#[test]
fn a_template_is_read_into_its_parts() {
    for (template, segments, id_end) in [
        ("{body}", &[Segment::Body][..], None),
        (
            "v0:{t}:{body}",
            &[
                Segment::Text("v0:"),
                Segment::Time,
                Segment::Text(":"),
                Segment::Body,
            ],
            None,
        ),
        (
            "{id}.-{t}\n{body}!",
            &[
                Segment::Id,
                Segment::Text(".-"),
                Segment::Time,
                Segment::Text("\n"),
                Segment::Body,
                Segment::Text("!"),
            ],
            Some(b'.'),
        ),
        (
            "{t}.{body}-/{id}",
            &[
                Segment::Time,
                Segment::Text("."),
                Segment::Body,
                Segment::Text("-/"),
                Segment::Id,
            ],
            Some(b'/'),
        ),
    ] {
        let content = Template::parse(template).unwrap();
        assert_eq!(content.segments(), segments, "{template}");
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
        assert_eq!(Template::parse(template), Err(error), "{template}");
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
        if let Ok(content) = Template::parse(&template) {
            let written: String = content.segments().iter().map(|segment| match segment {
                Segment::Id => "{id}",
                Segment::Time => "{t}",
                Segment::Body => "{body}",
                Segment::Text(text) => text,
            }).collect();
            prop_assert_eq!(written, template);
        }
    }
}
