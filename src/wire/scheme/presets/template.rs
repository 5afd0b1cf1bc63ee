//! Templates of presets.

use crate::wire::scheme::template::Template;

#[expect(clippy::panic, reason = "it panics where the constants are compiled")]
pub(super) const fn template(text: &'static str) -> Template<'static> {
    match Template::parse(text) {
        Ok(template) => template,
        Err(_) => panic!("a preset's template is wrong"),
    }
}
