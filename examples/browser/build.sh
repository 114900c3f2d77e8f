#!/usr/bin/env bash
# Builds the page: examples/browser/build.sh [FOLDER], by default into target/browser.
# MOBILENETC names a command line tool that is built already.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
classify=$root/examples/classify
out=${1:-$root/target/browser}
mkdir -p "$out"
out=$(cd "$out" && pwd)
work=$out.build
mkdir -p "$work"

fail() {
    printf 'build.sh: %s\n' "$*" >&2
    exit 1
}

missing=()
for tool in clang wasm-ld awk sed base64; do
    command -v "$tool" >/dev/null || missing+=("$tool")
done
if [ -n "${MOBILENETC:-}" ]; then
    command -v "$MOBILENETC" >/dev/null || missing+=("MOBILENETC=$MOBILENETC")
else
    command -v cargo >/dev/null || missing+=("cargo (or MOBILENETC, the command line tool)")
fi
if [ ${#missing[@]} -gt 0 ]; then
    fail "not installed: $(printf '%s, ' "${missing[@]}" | sed 's/, $//') (Debian: apt-get install clang lld, Rust from rustup.rs)"
fi

# The command that builds the Rust half; empty where there is no Rust for WebAssembly.
target=wasm32-unknown-unknown
rust_build=()
if command -v cargo >/dev/null && command -v rustc >/dev/null; then
    library=$(cd "$here/rust" && rustc --print target-libdir --target $target 2>/dev/null || true)
    if [ -n "$library" ] && compgen -G "$library/libcore-*" >/dev/null; then
        rust_build=(cargo build)
    elif [ -x /usr/bin/cargo ] && [ -d /usr/lib/rustlib/src/rust/library ]; then
        rust_build=(env -u RUSTUP_TOOLCHAIN RUSTC=/usr/bin/rustc RUSTC_BOOTSTRAP=1
            CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER=wasm-ld /usr/bin/cargo build -Zbuild-std=core)
    fi
fi
if [ ${#rust_build[@]} -eq 0 ]; then
    printf 'build.sh: no Rust for %s, so the page has C alone; for both: rustup target add %s, or on Debian: %s\n' \
        $target $target 'apt-get install cargo-web rustc-web rust-web-src' >&2
fi

emit_c() {
    local model=$classify/model/fashion_a025_64.onnx
    if [ -n "${MOBILENETC:-}" ]; then
        "$MOBILENETC" build "$model" --name fashion --target wasm32 -o "$work/c" >/dev/null
    else
        cargo run --quiet --manifest-path "$root/Cargo.toml" -p mobilenet-compiler --bin mobilenetc -- \
            build "$model" --name fashion --target wasm32 -o "$work/c" >/dev/null
    fi
}

# compile_c NAME FLAG...
compile_c() {
    clang --target=wasm32 -std=c99 -O3 -fno-builtin-memmove -fno-builtin-memset "${@:2}" -nostdlib \
        -Wl,--no-entry -Wl,--strip-all -Wl,-z,stack-size=65536 -I "$here/c" -I "$work/c" -o "$work/$1.wasm" \
        "$here"/c/*.c "$work"/c/fashion*.c
}

# compile_rust NAME RUSTFLAGS
compile_rust() {
    RUSTFLAGS=$2 "${rust_build[@]}" --quiet --release --target $target --target-dir "$work/rust" \
        --manifest-path "$here/rust/Cargo.toml"
    cp "$work/rust/$target/release/browser.wasm" "$work/$1.wasm"
}

base64_of() { base64 <"$1" | tr -d '\n'; }

# A browser refuses to fetch files, but not to run scripts.
embed() { printf 'embedded["%s"] = "%s";\n' "$1" "$(base64_of "$work/$1.wasm")" >"$out/$1.js"; }

# The languages, the labels, and the first two pictures of each class.
write_data() {
    printf 'const built = ["c"%s];\n' "$([ ${#rust_build[@]} -eq 0 ] || printf ', "rust"')"
    printf 'const labels = ['
    sed 's/.*/"&", /' "$classify/pictures/labels.txt" | tr -d '\n'
    printf '];\nconst examples = [\n'
    awk '++seen[$2] <= 2' "$classify/pictures/index.tsv" | while read -r file class; do
        printf '  { name: "%s", truth: %d, url: "data:image/png;base64,%s" },\n' \
            "$file" "$class" "$(base64_of "$classify/pictures/$file")"
    done
    printf '];\n'
}

emit_c
compile_c c-simd -msimd128
compile_c c-scalar
modules=(c-simd c-scalar)
if [ ${#rust_build[@]} -gt 0 ]; then
    compile_rust rust-simd '-C target-feature=+simd128'
    compile_rust rust-scalar ''
    modules+=(rust-simd rust-scalar)
fi
rm -f "$out"/{c,rust}-{simd,scalar}.js
for module in "${modules[@]}"; do embed "$module"; done
write_data >"$out/data.js"
cp "$here"/page/* "$out"
printf 'open %s/index.html\n' "$out"
