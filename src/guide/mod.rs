//! The guide: what the README leaves out.
//!
//! | page | content |
//! |---|---|
//! | [`receive`] | accept webhooks, store them first, mirror users and sessions, test a receiver |
//! | [`send`] | turn responses into events, deliver them, write them in your own transaction |
//! | [`tokens`] | issue tokens, publish the keys, check tokens |
//! | [`responses`] | every status and problem slug: its meaning, and what to do |
//! | [`moving`] | from better-auth-sync and from Banata Auth |
//! | [`performance`] | measured ratios, with machine and command |
//! | [`architecture`] | the trip of an event, the tree and its levels |
//! | [`contributing`] | build, test, style, vocabulary |
//! | [`security`] | promises, limits, how to report a vulnerability |

#[doc = include_str!("receive.md")]
pub mod receive {}

#[doc = include_str!("send.md")]
pub mod send {}

#[doc = include_str!("tokens.md")]
pub mod tokens {}

#[doc = include_str!("responses.md")]
pub mod responses {}

#[doc = include_str!("moving.md")]
pub mod moving {}

#[doc = include_str!("performance.md")]
pub mod performance {}

#[doc = include_str!("architecture.md")]
pub mod architecture {}

#[doc = include_str!("contributing.md")]
pub mod contributing {}

#[doc = include_str!("security.md")]
pub mod security {}
