#include <immintrin.h>
typedef __m128 f4;
#define f4_load(p) _mm_loadu_ps(p)
#define f4_store(p, x) _mm_storeu_ps(p, x)
#define f4_set(x) _mm_set1_ps(x)
#define f4_splat(p) _mm_set1_ps(*(p))
#define f4_add(a, b) _mm_add_ps(a, b)
#define f4_mul(a, b) _mm_mul_ps(a, b)
#define f4_fma(a, b, c) _mm_add_ps(_mm_mul_ps(a, b), c)
#define f4_clamp(x, lo, hi) _mm_min_ps(hi, _mm_max_ps(lo, x))
