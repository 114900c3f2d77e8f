//! What emitted C needs of a libc, for targets without one.

/// The three functions of `<string.h>`.
pub const STRING_H: &str = include_str!("wasm/string.h");
/// Their definitions; to be compiled with `-fno-builtin`.
pub const STRING_C: &str = include_str!("wasm/string.c");
