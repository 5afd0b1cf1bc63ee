//! A property that the fuzz target and a property test share.

use crate::base::secret::SecretDamage;

/// Each damage that is undone leaves less, up to an intact text or one that nobody can mend; and an
/// intact text in quotes, with its line end or behind its name is found damaged, and mended to itself.
pub(crate) fn damage_is_undone(text: &str) {
    let mut text = text.to_owned();
    while let Some((_, mended)) = SecretDamage::find(&text) {
        let Some(mended) = mended else {
            return;
        };
        assert!(mended.len() < text.len(), "{text:?}");
        text = mended.to_string();
    }
    if text.is_empty() || text.contains('"') {
        return;
    }
    for (damage, damaged) in [
        (SecretDamage::Quoted, format!("\"{text}\"")),
        (SecretDamage::WhiteSpace, format!("{text}\r\n")),
        (SecretDamage::Invisible, format!("\u{feff}{text}")),
    ] {
        let found = SecretDamage::find(&damaged);
        let found = found.map(|(damage, mended)| (damage, mended.map(|text| text.to_string())));
        assert_eq!(found, Some((damage, Some(text.clone()))));
    }
}
