#![no_main]

use libfuzzer_sys::fuzz_target;

// What files do to a secret is found and undone, and ends.
fuzz_target!(|text: &str| {
    tower_auth_sync::fuzzing::secret(text);
});
