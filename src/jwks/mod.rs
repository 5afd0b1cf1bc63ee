//! Keys: signing keys, key sets, the issuer, the verifier's key sources and the routes that serve them.
