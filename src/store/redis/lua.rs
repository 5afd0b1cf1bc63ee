//! The Lua scripts that the server runs.

use redis::Script;

/// The scripts. The server runs each script atomically and finds it by its hash.
pub(super) struct Scripts {
    pub(super) claim: Script,
    pub(super) change: Script,
}

impl Scripts {
    pub(super) fn new() -> Self {
        Self {
            claim: Script::new(include_str!("scripts/claim.lua")),
            change: Script::new(include_str!("scripts/change.lua")),
        }
    }
}
