#![no_main]

use libfuzzer_sys::fuzz_target;

// A captured body is read as a plain parser reads it, and is nested no deeper than can be sent.
fuzz_target!(|payload: &[u8]| {
    tower_auth_sync::fuzzing::captured_json(payload);
});
