//! `SyncEmitterLayer`.
