//! Stored signing keys: the model, the port, its handle and the memory store.
//!
//! Nothing here reads a key: a store needs no cryptographic library.

mod handle;
mod memory;
mod port;
mod stored_key;

pub use self::handle::Keys;
pub use self::memory::MemoryKeys;
pub use self::port::KeyStore;
pub use self::stored_key::StoredKey;
