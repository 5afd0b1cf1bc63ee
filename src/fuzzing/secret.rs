//! A property of secrets, shared by a fuzz target and a property test.

use crate::base::secret::SecretDamage;

/// Each repair shortens the text, up to an intact or an unrepairable one. An intact text in quotes, with
/// a line end or with a byte order mark is found damaged and repaired to itself.
pub(crate) fn damage_is_undone(text: &str) {
    let mut text = text.to_owned();
    while let Some((_, repaired)) = SecretDamage::find(&text) {
        let Some(repaired) = repaired else {
            return;
        };
        assert!(repaired.len() < text.len(), "{text:?}");
        text = repaired.to_string();
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
        let found = found.map(|(damage, repaired)| (damage, repaired.map(|text| text.to_string())));
        assert_eq!(found, Some((damage, Some(text.clone()))));
    }
}
