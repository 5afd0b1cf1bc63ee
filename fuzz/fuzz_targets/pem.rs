#![no_main]

use libfuzzer_sys::fuzz_target;

// A PEM text that is read, however damaged, reads the same when it is written plainly.
fuzz_target!(|input: &[u8]| {
    tower_auth_sync::fuzzing::pem(input);
});
