//! Rust: what the macro expands to, and the same as a file.
