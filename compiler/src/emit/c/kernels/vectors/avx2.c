#include <immintrin.h>
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
#define f8_fma(a, b, c) _mm256_fmadd_ps(a, b, c)
#else
/* In place: given the choice, gcc lets sums wander between registers and spills one. */
static inline @@AVX2 __attribute__((always_inline)) f8 f8_fma(f8 a, f8 b, f8 c)
{
    __asm__("vfmadd231ps %2, %1, %0" : "+x"(c) : "x"(a), "x"(b));
    return c;
}
#endif
