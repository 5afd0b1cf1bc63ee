//! Handling each message once: the port, its keys, and the memory store.
