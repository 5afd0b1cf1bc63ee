//! Keys, issuer and verifier together.
