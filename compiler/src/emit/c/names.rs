//! Names that are safe in C: identifiers, file names, comments.

/// The most letters that a prefix has.
pub const LONGEST_PREFIX: usize = 48;

/// Names that would shadow a header of C, POSIX, a compiler or the runtime in `-I` folders, or be a keyword of C or C++. So would all
/// that end in `intrin`: x86's headers include each other by such names.
const TAKEN: &[&str] = &[
    "aio",
    "aliases",
    "alignas",
    "alignof",
    "alloca",
    "altivec",
    "arm64intr",
    "arm_acle",
    "arm_bf16",
    "arm_cde",
    "arm_cmse",
    "arm_fp16",
    "arm_mve",
    "arm_mve_types",
    "arm_neon",
    "arm_sve",
    "arm_vector_types",
    "armintr",
    "arpa",
    "asm",
    "assert",
    "auto",
    "availability",
    "bool",
    "break",
    "builtins",
    "byteswap",
    "case",
    "catch",
    "char",
    "class",
    "complex",
    "const",
    "continue",
    "corecrt",
    "cpio",
    "cpuid",
    "crtdefs",
    "ctype",
    "default",
    "delete",
    "dirent",
    "dlfcn",
    "do",
    "double",
    "elf",
    "else",
    "endian",
    "enum",
    "err",
    "errno",
    "error",
    "explicit",
    "export",
    "extern",
    "false",
    "fastmath",
    "fcntl",
    "features",
    "fenv",
    "float",
    "fmtmsg",
    "fnmatch",
    "for",
    "friend",
    "ftw",
    "getopt",
    "glob",
    "goto",
    "grp",
    "iconv",
    "ieeefp",
    "if",
    "inline",
    "int",
    "intrin",
    "inttypes",
    "iso646",
    "langinfo",
    "libgen",
    "libintl",
    "limits",
    "link",
    "locale",
    "long",
    "main",
    "malloc",
    "math",
    "memory",
    "mm3dnow",
    "mm_malloc",
    "mobilenet_rt",
    "mobilenet_runtime",
    "monetary",
    "mqueue",
    "msa",
    "mutable",
    "namespace",
    "ndbm",
    "netdb",
    "new",
    "newlib",
    "nl_types",
    "operator",
    "paths",
    "picolibc",
    "poll",
    "private",
    "protected",
    "pthread",
    "public",
    "pwd",
    "quadmath",
    "reent",
    "regex",
    "register",
    "restrict",
    "return",
    "riscv_bitmanip",
    "riscv_vector",
    "sal",
    "sched",
    "search",
    "semaphore",
    "setjmp",
    "short",
    "signal",
    "signed",
    "sizeof",
    "spawn",
    "static",
    "stdalign",
    "stdarg",
    "stdatomic",
    "stdbit",
    "stdbool",
    "stdckdint",
    "stddef",
    "stdfix",
    "stdint",
    "stdio",
    "stdio_ext",
    "stdlib",
    "stdnoreturn",
    "string",
    "strings",
    "stropts",
    "struct",
    "switch",
    "syscall",
    "syslimits",
    "syslog",
    "tar",
    "template",
    "termios",
    "tgmath",
    "this",
    "threads",
    "throw",
    "time",
    "trace",
    "true",
    "try",
    "typedef",
    "typename",
    "uchar",
    "ucontext",
    "ulimit",
    "union",
    "unistd",
    "unsigned",
    "unwind",
    "using",
    "utime",
    "utmpx",
    "vadefs",
    "values",
    "varargs",
    "vcruntime",
    "virtual",
    "void",
    "volatile",
    "wait",
    "wasm_simd128",
    "wchar",
    "wctype",
    "while",
    "wordexp",
    "xlocale",
];

/// The prefix of every symbol: `name` with everything that C does not allow replaced, `net` where nothing is left.
pub fn prefix(name: &str) -> String {
    let mut out = String::new();
    for c in name.chars().take(LONGEST_PREFIX) {
        let c = if c.is_ascii_alphanumeric() { c } else { '_' };
        if !(c == '_' && (out.is_empty() || out.ends_with('_'))) {
            out.push(c);
        }
    }
    if out.starts_with(|c: char| c.is_ascii_digit()) {
        out.insert_str(0, "net_");
        out.truncate(LONGEST_PREFIX);
    }
    match out.trim_end_matches('_') {
        "" => "net".into(),
        name if is_taken(&name.to_ascii_lowercase()) => format!("{}_net", &name[..name.len().min(LONGEST_PREFIX - 4)]),
        name => name.into(),
    }
}

fn is_taken(name: &str) -> bool {
    TAKEN.binary_search(&name).is_ok() || name.ends_with("intrin")
}

/// Text that can stand in a comment: one line, printable ASCII, nothing that ends the comment or continues the line.
pub(super) fn comment(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars().take(200) {
        out.push(match c {
            '*' | '\\' | '?' => '_',
            c if c.is_ascii_graphic() || c == ' ' => c,
            _ => '_',
        });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_are_identifiers() {
        assert!(TAKEN.is_sorted());
        for (name, expected) in [
            ("mobilenet", "mobilenet"),
            ("MobileNet v1-0.25", "MobileNet_v1_0_25"),
            ("1.0-224", "net_1_0_224"),
            ("__x__", "x"),
            ("", "net"),
            ("日本", "net"),
            ("stdint", "stdint_net"),
            ("Int", "Int_net"),
            ("Features", "Features_net"),
            ("immintrin", "immintrin_net"),
            ("avx512vp2intersectvlintrin", "avx512vp2intersectvlintrin_net"),
            ("arm_neon", "arm_neon_net"),
            ("wasm_simd128", "wasm_simd128_net"),
            ("unistd", "unistd_net"),
            ("a\"; system(\"x\");//", "a_system_x"),
        ] {
            assert_eq!(prefix(name), expected, "{name:?}");
        }
    }

    #[test]
    fn a_prefix_is_its_own_prefix() {
        let long = ["a", "1", "a_", "1_"].map(|part| part.repeat(60));
        let names = long.into_iter().chain([format!("{}intrin", "x".repeat(42)), "float".into(), "é".into()]);
        for name in names.map(|name| prefix(&name)) {
            assert!(name.len() <= LONGEST_PREFIX, "{name}");
            assert_eq!(prefix(&name), name);
        }
    }

    #[test]
    fn comments_cannot_be_left() {
        assert_eq!(comment("a */ int x; /* \\\n??/"), "a _/ int x; /_ ____/");
    }
}
