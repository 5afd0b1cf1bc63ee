//! When the next attempt is due.
