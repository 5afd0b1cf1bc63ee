//! Auth events: names, typed resources, wire envelopes, and the proof of a verified request.
