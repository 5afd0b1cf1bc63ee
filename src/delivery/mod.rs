//! Endpoints, events and deliveries: the model, the ports, the emitter and the memory store.
