//! Who may be called: rules for URLs and addresses, without any I/O.
