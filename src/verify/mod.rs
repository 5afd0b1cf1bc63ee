//! `VerifyWebhookLayer`.
