//! Properties that fuzz targets and property tests share.

mod content;
mod doctor;
mod header;
mod verify;

pub(crate) use self::content::content_is_unambiguous;
pub(crate) use self::doctor::diagnosis_is_true;
pub(crate) use self::header::header_is_read_as_told;
pub(crate) use self::verify::{nothing_unsigned_is_accepted, only_the_signed_body_is_accepted};

use crate::base::clock::UnixTime;

/// A secret for every scheme with shared keys.
const KEY: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
const NOW: UnixTime = UnixTime::from_secs(1_750_000_000);
