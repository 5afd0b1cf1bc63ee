//! The layer around a service.
