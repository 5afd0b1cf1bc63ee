//! A projection of users and sessions that cannot go backwards.
