#![no_main]

use libfuzzer_sys::fuzz_target;

// The id of a message is read from its body as any JSON parser reads it.
fuzz_target!(|body: &[u8]| {
    tower_auth_sync::fuzzing::body_id(body);
});
