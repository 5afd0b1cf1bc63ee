#![no_main]

use libfuzzer_sys::fuzz_target;

// No text is accepted as a token that was not signed.
fuzz_target!(|text: &str| {
    tower_auth_sync::fuzzing::token(text);
});
