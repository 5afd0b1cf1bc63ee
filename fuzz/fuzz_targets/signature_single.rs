#![no_main]

use libfuzzer_sys::fuzz_target;

// A header with one signature that parses is written and read back the same.
fuzz_target!(|text: &str| {
    tower_auth_sync::fuzzing::signature_single(text);
});
