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

for tool in clang wasm-ld; do
    command -v "$tool" >/dev/null || fail "$tool is not installed (Debian: apt-get install clang lld)"
done

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
    local target=wasm32-unknown-unknown library
    local command=(cargo build)
    library=$(cd "$here/rust" && rustc --print target-libdir --target $target)
    if ! compgen -G "$library/libcore-*" >/dev/null; then
        [ -x /usr/bin/cargo ] && [ -d /usr/lib/rustlib/src/rust/library ] || fail "no Rust for $target:" \
            "rustup target add $target, or on Debian: apt-get install cargo-web rustc-web rust-web-src"
        command=(env -u RUSTUP_TOOLCHAIN RUSTC=/usr/bin/rustc RUSTC_BOOTSTRAP=1
            CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER=wasm-ld /usr/bin/cargo build -Zbuild-std=core)
    fi
    RUSTFLAGS=$2 "${command[@]}" --quiet --release --target $target --target-dir "$work/rust" \
        --manifest-path "$here/rust/Cargo.toml"
    cp "$work/rust/$target/release/browser.wasm" "$work/$1.wasm"
}

base64_of() { base64 <"$1" | tr -d '\n'; }

# A browser refuses to fetch files, but not to run scripts.
embed() { printf 'embedded["%s"] = "%s";\n' "$1" "$(base64_of "$work/$1.wasm")" >"$out/$1.js"; }

# The labels, and the first two pictures of each class.
write_data() {
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
compile_rust rust-simd '-C target-feature=+simd128'
compile_rust rust-scalar ''
for module in c-simd c-scalar rust-simd rust-scalar; do embed $module; done
write_data >"$out/data.js"
cp "$here"/page/* "$out"
printf 'open %s/index.html\n' "$out"
