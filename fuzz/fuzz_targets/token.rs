#![no_main]

use libfuzzer_sys::fuzz_target;

// Only the token that was signed is accepted, and no change of it.
fuzz_target!(|input: &[u8]| {
    tower_auth_sync::fuzzing::token(input);
});
