//! Signature schemes as data: presets and custom schemes.

mod algorithm;
mod builder;
mod encoding;
mod grammar;
mod key_form;
mod presets;
#[expect(clippy::module_inception, reason = "the room's main type")]
mod scheme;
mod scheme_error;
mod template;
mod time_unit;

pub(crate) use self::algorithm::SignatureAlgorithm;
pub use self::builder::SchemeBuilder;
pub use self::encoding::SignatureEncoding;
#[cfg(any(test, fuzzing))]
pub(crate) use self::grammar::Grammar;
pub(crate) use self::grammar::{Fault, Parsed, every};
pub use self::key_form::KeyForm;
pub(crate) use self::key_form::PREFIX;
pub(crate) use self::scheme::{HeaderNames, TOLERANCE};
pub use self::scheme::{IdSource, Scheme};
pub use self::scheme_error::SchemeError;
pub use self::template::ContentError;
pub(crate) use self::template::Rendered;
#[cfg(any(test, fuzzing))]
pub(crate) use self::template::{Segment, Template};
pub(crate) use self::time_unit::Seconds;
pub use self::time_unit::TimeUnit;
