#include <wasm_simd128.h>
typedef v128_t f4;
#define f4_load(p) wasm_v128_load(p)
#define f4_store(p, x) wasm_v128_store(p, x)
#define f4_set(x) wasm_f32x4_splat(x)
#define f4_splat(p) wasm_v128_load32_splat(p)
#define f4_add(a, b) wasm_f32x4_add(a, b)
#define f4_mul(a, b) wasm_f32x4_mul(a, b)
#define f4_fma(a, b, c) wasm_f32x4_add(wasm_f32x4_mul(a, b), c)
#define f4_clamp(x, lo, hi) wasm_f32x4_pmin(wasm_f32x4_pmax(x, lo), hi)
/* Nobody unrolls a loop of so many rounds. */
#define @@UNKNOWN(n) __asm__("" : "+r"(n))
