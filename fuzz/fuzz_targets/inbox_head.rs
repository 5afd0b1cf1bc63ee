#![no_main]

use libfuzzer_sys::fuzz_target;

// A stored request is read back as it was kept, or not at all.
fuzz_target!(|head: &[u8]| {
    tower_auth_sync::fuzzing::inbox_head(head);
});
