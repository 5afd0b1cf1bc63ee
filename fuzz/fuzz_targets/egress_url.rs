#![no_main]

use libfuzzer_sys::fuzz_target;

// An accepted URL never points at a private address.
fuzz_target!(|text: &str| {
    tower_auth_sync::fuzzing::egress_url(text);
});
