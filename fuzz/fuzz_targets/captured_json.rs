#![no_main]

use libfuzzer_sys::fuzz_target;

// A payload that decodes survives being written and decoded again.
fuzz_target!(|payload: &[u8]| {
    tower_auth_sync::fuzzing::captured_json(payload);
});
