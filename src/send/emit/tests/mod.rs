mod declared;
mod layer;
mod redact;
mod rules;
mod state;
mod support;
