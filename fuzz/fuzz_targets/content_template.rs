#![no_main]

use libfuzzer_sys::fuzz_target;

// A template that is accepted tells every two messages apart.
fuzz_target!(|input: &[u8]| {
    tower_auth_sync::fuzzing::content_template(input);
});
