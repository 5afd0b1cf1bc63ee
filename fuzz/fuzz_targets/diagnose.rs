#![no_main]

use libfuzzer_sys::fuzz_target;

// The doctor explains what it should, and accepts nothing that nobody signed.
fuzz_target!(|input: (u8, &str, &[u8])| {
    tower_auth_sync::fuzzing::diagnose(input.0, input.1, input.2);
});
