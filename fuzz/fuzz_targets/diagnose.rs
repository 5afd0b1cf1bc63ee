#![no_main]

use libfuzzer_sys::fuzz_target;

// The doctor names what went wrong, and accepts nothing that nobody signed.
fuzz_target!(|input: &[u8]| {
    tower_auth_sync::fuzzing::diagnose(input);
});
