#![no_main]

use libfuzzer_sys::fuzz_target;

// Nobody is let in without the key.
fuzz_target!(|text: &str| {
    tower_auth_sync::fuzzing::verify_headers(text);
});
