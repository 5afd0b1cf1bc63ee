#![no_main]

use libfuzzer_sys::fuzz_target;

// Whatever an auth server answers, the request's password is in no payload.
fuzz_target!(|input: &[u8]| {
    tower_auth_sync::fuzzing::emit_redaction(input);
});
