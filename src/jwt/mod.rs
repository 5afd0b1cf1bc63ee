//! `JwtAuthLayer`.
