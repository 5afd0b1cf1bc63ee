#![no_main]

use libfuzzer_sys::fuzz_target;

// Nobody is let in without the key, and nothing but what was signed with it.
fuzz_target!(|input: &[u8]| {
    tower_auth_sync::fuzzing::verify_headers(input);
});
