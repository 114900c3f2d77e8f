#if defined(__GNUC__)
#define @@NOINLINE __attribute__((noinline))
#define @@UNUSED __attribute__((unused))
#define @@PREFETCH(p) __builtin_prefetch(p)
#define @@INFINITY __builtin_inff()
#else
#include <math.h>
#define @@NOINLINE
#define @@UNUSED
#define @@PREFETCH(p) ((void)0)
#define @@INFINITY INFINITY
#endif
#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#endif

/*
 * Vectors of 16, 8, 4 lanes and of one, spelled alike. fma(a, b, c) is a * b + c, rounded once where the instruction
 * set can. clamp lets NaN through.
 */
#if defined(__GNUC__) && defined(__x86_64__) && defined(__SSE2__)
#define @@X86 1
#include <immintrin.h>
#define @@AVX512 __attribute__((target("avx512f,avx2,fma")))
typedef __m512 f16;
#define f16_load(p) _mm512_loadu_ps(p)
#define f16_store(p, x) _mm512_storeu_ps(p, x)
#define f16_set(x) _mm512_set1_ps(x)
#define f16_splat(p) _mm512_set1_ps(*(p))
#define f16_add(a, b) _mm512_add_ps(a, b)
#define f16_clamp(x, lo, hi) _mm512_min_ps(hi, _mm512_max_ps(lo, x))
#define @@AVX2 __attribute__((target("avx2,fma")))
typedef __m256 f8;
#define f8_load(p) _mm256_loadu_ps(p)
#define f8_store(p, x) _mm256_storeu_ps(p, x)
#define f8_set(x) _mm256_set1_ps(x)
#define f8_splat(p) _mm256_broadcast_ss(p)
#define f8_add(a, b) _mm256_add_ps(a, b)
#define f8_mul(a, b) _mm256_mul_ps(a, b)
#define f8_clamp(x, lo, hi) _mm256_min_ps(hi, _mm256_max_ps(lo, x))
#if defined(__clang__)
#define f16_fma(a, b, c) _mm512_fmadd_ps(a, b, c)
#define f8_fma(a, b, c) _mm256_fmadd_ps(a, b, c)
#else
/* In place: given the choice, gcc lets sums wander between registers and spills one. */
static inline @@AVX512 __attribute__((always_inline)) f16 f16_fma(f16 a, f16 b, f16 c)
{
    __asm__("vfmadd231ps %2, %1, %0" : "+v"(c) : "v"(a), "v"(b));
    return c;
}
static inline @@AVX2 __attribute__((always_inline)) f8 f8_fma(f8 a, f8 b, f8 c)
{
    __asm__("vfmadd231ps %2, %1, %0" : "+x"(c) : "x"(a), "x"(b));
    return c;
}
#endif
typedef __m128 f4;
#define f4_load(p) _mm_loadu_ps(p)
#define f4_store(p, x) _mm_storeu_ps(p, x)
#define f4_set(x) _mm_set1_ps(x)
#define f4_splat(p) _mm_set1_ps(*(p))
#define f4_add(a, b) _mm_add_ps(a, b)
#define f4_mul(a, b) _mm_mul_ps(a, b)
#define f4_fma(a, b, c) _mm_add_ps(_mm_mul_ps(a, b), c)
#define f4_clamp(x, lo, hi) _mm_min_ps(hi, _mm_max_ps(lo, x))
#elif defined(__aarch64__) && defined(__ARM_NEON) && defined(__GNUC__)
#define @@NEON 1
#include <arm_neon.h>
typedef float32x4_t f4;
#define f4_load(p) vld1q_f32(p)
#define f4_store(p, x) vst1q_f32(p, x)
#define f4_set(x) vdupq_n_f32(x)
#define f4_splat(p) vld1q_dup_f32(p)
#define f4_add(a, b) vaddq_f32(a, b)
#define f4_mul(a, b) vmulq_f32(a, b)
#define f4_fma(a, b, c) vfmaq_f32(c, a, b)
#define f4_fma_lane(c, b, a, lane) vfmaq_laneq_f32(c, b, a, lane)
#define f4_clamp(x, lo, hi) vminq_f32(hi, vmaxq_f32(lo, x))
#elif defined(__wasm_simd128__)
#define @@SIMD128 1
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
#endif
#define @@PLAIN
typedef float f1;
#define f1_load(p) (*(p))
#define f1_store(p, x) (*(p) = (x))
#define f1_set(x) (x)
#define f1_splat(p) (*(p))
#define f1_add(a, b) ((a) + (b))
#define f1_mul(a, b) ((a) * (b))
#if defined(__GNUC__) && (defined(__ARM_FEATURE_FMA) || defined(__aarch64__) || defined(__riscv_fdiv) || defined(__FP_FAST_FMAF))
#define f1_fma(a, b, c) __builtin_fmaf(a, b, c)
#else
#define f1_fma(a, b, c) ((a) * (b) + (c))
#endif
#define f1_clamp(x, lo, hi) ((x) < (lo) ? (lo) : (x) > (hi) ? (hi) : (x))

