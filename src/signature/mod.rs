//! Webhook signatures: schemes as data, the header grammar, signing and verifying.
