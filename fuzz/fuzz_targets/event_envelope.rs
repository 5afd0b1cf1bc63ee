#![no_main]

use libfuzzer_sys::fuzz_target;

// A payload decodes to what it says, and survives being written and decoded again.
fuzz_target!(|payload: &[u8]| {
    tower_auth_sync::fuzzing::event_envelope(payload);
});
