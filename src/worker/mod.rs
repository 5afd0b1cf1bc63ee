//! The worker that delivers.
