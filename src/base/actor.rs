//! Who makes a change.

use std::fmt;
use std::sync::Arc;

/// Who makes a change through a handle: an operator, a program, or the system itself.
///
/// A store may keep it beside the change, and this version's stores do not.
///
/// ```
/// use tower_auth_sync::actor::Actor;
///
/// let ada = Actor::new("operator ada@example.com")?;
/// assert_eq!(ada.as_str(), "operator ada@example.com");
/// assert_eq!(Actor::system().as_str(), "system");
/// # Ok::<(), tower_auth_sync::actor::InvalidActor>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Actor(Option<Arc<str>>);

impl Actor {
    /// Names an actor: an id or an address, no credential.
    ///
    /// # Errors
    ///
    /// [`InvalidActor`] unless the name has 1 to 255 bytes and no control character, and is not
    /// `system`.
    pub fn new(name: &str) -> Result<Self, InvalidActor> {
        let fits = (1..=MAX_NAME).contains(&name.len()) && !name.contains(char::is_control);
        if fits && name != SYSTEM {
            Ok(Self(Some(name.into())))
        } else {
            Err(InvalidActor)
        }
    }

    /// Returns the actor of changes that the program makes by itself.
    #[must_use]
    pub const fn system() -> Self {
        Self(None)
    }

    /// Returns the name; of the system, `system`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_deref().unwrap_or(SYSTEM)
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that cannot name an actor.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("an actor's name has 1 to 255 bytes, no control character, and is not `system`")]
pub struct InvalidActor;

const SYSTEM: &str = "system";

/// As an idempotency key.
const MAX_NAME: usize = 255;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_but_the_system_has_its_name() {
        for name in ["", "system", "a\nb", &"a".repeat(256)] {
            assert_eq!(Actor::new(name), Err(InvalidActor), "{name:?}");
        }
        assert_ne!(Actor::new("System").unwrap(), Actor::system());
    }
}
