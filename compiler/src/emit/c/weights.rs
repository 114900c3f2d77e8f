//! The packed weights as a translation unit, as a file to be loaded, or as one to be included.
//!
//! Array initialisers of numbers cost a compiler some hundred bytes and ten microseconds per number; string literals cost next
//! to nothing. C99 limits a literal to 4,095 characters, so an array of equally long ones holds the bytes. C++ wants room for
//! a terminator behind each literal of an array, so there all make one. What takes any compiler and any order of bytes is
//! numbers, which [`Target::Generic`](super::Target) gets.

use super::Target;
use super::source::kernel;
use super::text::expand;
use std::fmt::Write;

/// Bytes per string literal.
const CHUNK: usize = 4032;

/// Bytes in front of the weights in a `.bin` file.
pub(super) const HEADER: usize = 64;

pub(in crate::emit) const MAGIC: &[u8; 8] = b"MNWTS\0\0\x01";

/// What the weights are called: with their hash, so that files of different builds don't link.
pub(super) fn symbol(weights: &[u8]) -> String {
    format!("@weights_{:08x}", hash(weights) >> 32)
}

/// The union's declaration: what is initialised, with an `attribute`, and the floats that this makes.
fn union(bytes: usize, target: Target, attribute: &str) -> String {
    if target.is_standard() {
        let words = (bytes / 4).max(1);
        return format!("union @weights {{\n    uint32_t words[{words}];\n    float values[{words}];\n}};\n");
    }
    let rows = bytes.div_ceil(CHUNK).max(1);
    format!(
        "union @weights {{\n#ifdef __cplusplus\n    {attribute}unsigned char bytes[{}]; /* one literal, with its terminator */\n#else\n    \
         {attribute}unsigned char bytes[{rows}][{CHUNK}];\n#endif\n    float values[{}];\n}};\n",
        rows * CHUNK + 1,
        rows * CHUNK / 4
    )
}

/// How the weights are declared, and how they are then defined.
const LINKAGE: &str = "\
#ifdef @@WEIGHTS_LINKAGE
#define @@WEIGHTS_DEFINED @@WEIGHTS_LINKAGE
#else
#define @@WEIGHTS_DEFINED
#ifdef __cplusplus
#define @@WEIGHTS_LINKAGE extern \"C\"
#else
#define @@WEIGHTS_LINKAGE extern
#endif
#endif
";

const STORAGE: &str = "#ifndef @@WEIGHTS_STORAGE\n#define @@WEIGHTS_STORAGE const\n#endif\n";

/// The declaration of weights that the assembler includes.
pub(super) fn included(weights: &[u8]) -> String {
    format!(
        "{ENDIAN}{STORAGE}#ifdef __cplusplus\nextern \"C\"\n#else\nextern\n#endif\n\
         @@WEIGHTS_STORAGE float {}[];\n\n",
        symbol(weights)
    )
}

/// What every file that names the weights says about them, once where they all make one unit.
pub(super) fn declaration(weights: &[u8], target: Target, attribute: &str) -> String {
    format!(
        "{}#ifndef @@WEIGHTS_DECLARED\n#define @@WEIGHTS_DECLARED\n{LINKAGE}{STORAGE}\
         {}@@WEIGHTS_LINKAGE @@WEIGHTS_STORAGE union @weights {};\n#endif\n\n",
        if target.is_standard() { "" } else { ENDIAN },
        union(weights.len(), target, attribute),
        symbol(weights)
    )
}

/// The lines of an initialiser of words.
fn words(bytes: &[u8]) -> String {
    const PER_LINE: usize = 10;
    let mut text = String::with_capacity(bytes.len() * 3 + 64);
    for line in bytes.chunks(4 * PER_LINE) {
        for word in line.chunks_exact(4) {
            let _ = write!(text, "0x{:x},", u32::from_le_bytes([word[0], word[1], word[2], word[3]]));
        }
        text.push('\n');
    }
    if bytes.is_empty() { "0\n".into() } else { text }
}

/// The rows of an initialiser, each with `end` behind it.
fn literals(bytes: &[u8], end: &str) -> String {
    let mut text = String::with_capacity(bytes.len() * 3 + 64);
    for row in bytes.chunks(CHUNK) {
        text.push('"');
        let mut rest = row;
        while let Some((&byte, after)) = rest.split_first() {
            rest = after;
            match byte {
                b'"' | b'\\' => {
                    text.push('\\');
                    text.push(byte as char);
                }
                // A question mark could begin a trigraph.
                b' '..=b'~' if byte != b'?' => text.push(byte as char),
                _ => {
                    let digits = if after.first().is_some_and(u8::is_ascii_digit) { 3 } else { 1 };
                    let _ = write!(text, "\\{byte:0digits$o}");
                }
            }
        }
        let _ = writeln!(text, "\" {end}");
    }
    if bytes.is_empty() {
        text.push_str("\"\"\n");
    }
    text
}

/// Stands wherever words are read from bytes.
pub(super) const ENDIAN: &str = "\
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error \"the weights are stored in little-endian order; for this processor: --target generic --weights source\"
#endif
";

/// How rows follow each other; silences the complaints that they have no terminating zero, and that one is long.
const ROWS: &str = "\
#if (defined(__clang__) && __clang_major__ >= 21) || (!defined(__clang__) && defined(__GNUC__) && __GNUC__ >= 15)
#define @@NONSTRING __attribute__((nonstring))
#else
#define @@NONSTRING
#endif
#ifdef __cplusplus
#define @@NEXT
#ifdef __clang__
#pragma clang diagnostic ignored \"-Woverlength-strings\"
#endif
#else
#define @@NEXT ,
#endif
";

const ALIGNMENT: &str = "\
#ifndef @@WEIGHTS_ALIGNMENT
#if defined(__GNUC__)
#define @@WEIGHTS_ALIGNMENT __attribute__((aligned(64)))
#else
#define @@WEIGHTS_ALIGNMENT
#endif
#endif
";

/// `net_weights.c`.
pub(super) fn unit(prefix: &str, banner: &str, weights: &[u8], target: Target) -> String {
    let (head, alignment, rows) = if target.is_standard() {
        ("", "#ifndef @@WEIGHTS_ALIGNMENT\n#define @@WEIGHTS_ALIGNMENT\n#endif\n", words(weights))
    } else {
        (ROWS, ALIGNMENT, literals(weights, &expand("@@NEXT", prefix)))
    };
    let head = format!(
        "#include \"@h\"\n\n{}{head}\
         #ifndef @@WEIGHTS_SECTION\n#define @@WEIGHTS_SECTION\n#endif\n{alignment}{}\
         @@WEIGHTS_SECTION @@WEIGHTS_ALIGNMENT @@WEIGHTS_DEFINED @@WEIGHTS_STORAGE union @weights {} = {{{{\n",
        kernel!("config"),
        declaration(weights, target, "@@NONSTRING "),
        symbol(weights)
    );
    let mut text = banner.to_string();
    text += &expand(&head, prefix);
    text += &rows;
    text += "}};\n";
    text
}

/// `net.bin`: a header of 64 bytes, then the weights.
pub(super) fn bin(weights: &[u8]) -> Vec<u8> {
    [&header(weights), weights].concat()
}

/// Magic, length, hash, zeros.
pub(super) fn header(weights: &[u8]) -> [u8; HEADER] {
    let mut header = [0; HEADER];
    header[..8].copy_from_slice(MAGIC);
    header[8..16].copy_from_slice(&(weights.len() as u64).to_le_bytes());
    header[16..24].copy_from_slice(&hash(weights).to_le_bytes());
    header
}

/// FNV-1a over 32-bit little-endian words, 64 bits wide.
pub(super) fn hash(weights: &[u8]) -> u64 {
    weights.chunks_exact(4).fold(0xcbf2_9ce4_8422_2325, |hash, word| {
        let word = u32::from_le_bytes([word[0], word[1], word[2], word[3]]);
        (hash ^ u64::from(word)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// The hash as C spells it.
pub(super) fn hash_literal(weights: &[u8]) -> String {
    format!("{:#018x}", hash(weights))
}

/// `net_weights.S`.
pub(super) fn incbin(prefix: &str, banner: &str, weights: &[u8], file: &str) -> String {
    let text = format!(
        "#ifndef @@WEIGHTS_ASM_SECTION\n\
         #if defined(__APPLE__)\n#define @@WEIGHTS_ASM_SECTION .const\n\
         #elif defined(__wasm__)\n#define @@WEIGHTS_ASM_SECTION .section .rodata.@weights,\"\",%AT%\n\
         #else\n#define @@WEIGHTS_ASM_SECTION .section .rodata\n#endif\n#endif\n\
         #if defined(__APPLE__)\n#define @@SYMBOL _{symbol}\n\
         #else\n#define @@SYMBOL {symbol}\n#endif\n\n\
         @@WEIGHTS_ASM_SECTION\n    .balign 64\n    .globl @@SYMBOL\n\
         #if defined(__wasm__)\n    .type @@SYMBOL, %AT%object\n    .size @@SYMBOL, {size}\n#endif\n\
         @@SYMBOL:\n    .incbin \"{file}\", {HEADER}\n    .byte 0\n\
         #if defined(__linux__) && defined(__ELF__)\n    .section .note.GNU-stack,\"\",%progbits\n#endif\n",
        symbol = symbol(weights),
        size = weights.len() + 1
    );
    format!("{banner}{}", expand(&text, prefix).replace("%AT%", "@"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_escape_exactly_what_they_must() {
        assert_eq!(literals(b"a\"\\\x001\x009\x01x?\xff", ","), "\"a\\\"\\\\\\0001\\0009\\1x\\77\\377\" ,\n");
        assert_eq!(literals(&[0; CHUNK + 1], ",").lines().count(), 2);
    }

    /// The bounds that the C reference states: 4 1/64 characters per byte, 2.8 in numbers, and 4 KiB.
    #[test]
    fn text_stays_within_its_bounds() {
        let prefix = "x".repeat(crate::emit::c::LONGEST_PREFIX);
        for bytes in [0, 4, 4032, 4036, 1 << 20] {
            for pattern in [[0xff; 4], [0, b'1', 0, b'1'], *b"????", *b"\"\\\"\\", *b"text"] {
                let weights: Vec<u8> = pattern.into_iter().cycle().take(bytes).collect();
                let length = |target| unit(&prefix, "/* banner */\n", &weights, target).len();
                assert!(length(Target::Auto) <= 4 * bytes + bytes / 64 + 4096, "{bytes} of {pattern:?}");
                assert!(length(Target::Generic) <= bytes * 28 / 10 + 4096, "{bytes} of {pattern:?}");
            }
        }
    }
}
