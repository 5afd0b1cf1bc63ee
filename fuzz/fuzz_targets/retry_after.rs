#![no_main]

use libfuzzer_sys::fuzz_target;

// A Retry-After value never asks for more than a day, and says the same however it is written.
fuzz_target!(|input: &[u8]| {
    tower_auth_sync::fuzzing::retry_after(input);
});
