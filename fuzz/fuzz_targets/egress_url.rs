#![no_main]

use libfuzzer_sys::fuzz_target;

// An accepted URL never points at a private address, however it is read.
fuzz_target!(|input: &[u8]| {
    tower_auth_sync::fuzzing::egress_url(input);
});
