use super::*;
use crate::wire::scheme::scheme::IdSource;
use crate::wire::scheme::template::Segment;

#[test]
fn every_preset_is_found_by_its_name_and_is_const() {
    const BANATA: Scheme = Scheme::banata();
    assert_eq!(Scheme::by_name("banata"), Some(BANATA));
    for preset in Scheme::presets() {
        assert_eq!(Scheme::by_name(preset.name()), Some(preset));
    }
    assert_eq!(Scheme::by_name("Banata"), None);
}

#[test]
fn an_id_is_called_signed_exactly_where_the_content_holds_it() {
    for scheme in Scheme::presets() {
        let signed = scheme.content.has(Segment::Id);
        let called = scheme.id_source == IdSource::SignedHeader;
        assert_eq!(signed, called, "{}", scheme.name);
    }
}

#[test]
fn a_time_that_is_sent_is_signed() {
    for scheme in Scheme::presets() {
        let signed = scheme.content.has(Segment::Time);
        assert_eq!(signed, scheme.has_time(), "{}", scheme.name);
    }
}
