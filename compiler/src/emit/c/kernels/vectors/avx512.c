#include <immintrin.h>
#define @@AVX512 __attribute__((target("avx512f,%CODES%avx2,fma")))
typedef __m512 f16;
#define f16_load(p) _mm512_loadu_ps(p)
#define f16_store(p, x) _mm512_storeu_ps(p, x)
#define f16_set(x) _mm512_set1_ps(x)
#define f16_splat(p) _mm512_set1_ps(*(p))
#define f16_add(a, b) _mm512_add_ps(a, b)
/* Through all lanes of a mask: g++ warns of the undefined vector in the plain forms. */
#define f16_clamp(x, lo, hi) _mm512_maskz_min_ps(0xffff, hi, _mm512_maskz_max_ps(0xffff, lo, x))
#if defined(__clang__)
#define f16_fma(a, b, c) _mm512_fmadd_ps(a, b, c)
#else
/* In place: given the choice, gcc lets sums wander between registers and spills one. */
static inline @@AVX512 __attribute__((always_inline)) f16 f16_fma(f16 a, f16 b, f16 c)
{
    __asm__("vfmadd231ps %2, %1, %0" : "+v"(c) : "v"(a), "v"(b));
    return c;
}
#endif
