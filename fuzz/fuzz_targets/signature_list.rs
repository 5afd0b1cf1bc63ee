#![no_main]

use libfuzzer_sys::fuzz_target;

// A signature header is read by the rules, and what is written is read back.
fuzz_target!(|text: &str| {
    tower_auth_sync::fuzzing::signature_list(text);
});
