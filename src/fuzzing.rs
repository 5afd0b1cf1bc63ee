//! One function per fuzz target: the property, beside the private items it needs.
