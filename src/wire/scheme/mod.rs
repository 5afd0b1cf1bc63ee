//! How a sender signs, as data: presets, and schemes of your own.

mod algorithm;
mod builder;
mod content;
mod encoding;
mod grammar;
mod key_form;
mod presets;
#[expect(clippy::module_inception, reason = "the room's main type")]
mod scheme;
mod time_unit;

pub(crate) use self::algorithm::SignatureAlgorithm;
pub use self::builder::{SchemeBuilder, SchemeError};
pub use self::content::ContentError;
pub(crate) use self::content::Filling;
#[cfg(any(test, fuzzing))]
pub(crate) use self::content::{Content, Part};
pub use self::encoding::SignatureEncoding;
#[cfg(any(test, fuzzing))]
pub(crate) use self::grammar::Grammar;
pub(crate) use self::grammar::{Fault, Parsed, every};
pub use self::key_form::KeyForm;
pub(crate) use self::key_form::PREFIX;
pub(crate) use self::scheme::{HeaderNames, TOLERANCE};
pub use self::scheme::{IdSource, Scheme};
pub(crate) use self::time_unit::Seconds;
pub use self::time_unit::TimeUnit;
