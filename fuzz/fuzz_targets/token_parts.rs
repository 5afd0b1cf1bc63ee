#![no_main]

use libfuzzer_sys::fuzz_target;

// Header and claims are read as a plain JSON parser reads them.
fuzz_target!(|text: &str| {
    tower_auth_sync::fuzzing::token_parts(text);
});
