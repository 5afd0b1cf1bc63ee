#![no_main]

use libfuzzer_sys::fuzz_target;

// A JWKS that is read is bounded and publishes nothing private.
fuzz_target!(|json: &[u8]| {
    tower_auth_sync::fuzzing::jwks_document(json);
});
