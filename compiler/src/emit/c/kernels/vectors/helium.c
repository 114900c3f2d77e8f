#include <arm_mve.h>
typedef float32x4_t f4;
#define f4_load(p) vld1q_f32(p)
#define f4_store(p, x) vst1q_f32(p, x)
#define f4_set(x) vdupq_n_f32(x)
#define f4_splat(p) vdupq_n_f32(*(p))
#define f4_add(a, b) vaddq_f32(a, b)
#define f4_mul(a, b) vmulq_f32(a, b)
#if defined(__clang__)
#define f4_fma(a, b, c) vfmaq_f32(c, a, b)
#define f4_fma_by(x, b, c) vfmaq_n_f32(c, b, x)
#else
/* In place: given the choice, gcc lets sums wander between registers and spills some. */
static inline f4 f4_fma(f4 a, f4 b, f4 c)
{
    __asm__("vfma.f32 %q0, %q1, %q2" : "+w"(c) : "w"(a), "w"(b));
    return c;
}
static inline f4 f4_fma_by(float x, f4 b, f4 c)
{
    __asm__("vfma.f32 %q0, %q1, %2" : "+w"(c) : "w"(b), "r"(x));
    return c;
}
#endif
/* Compilers that see all loads of an unrolled loop move them to its front, and have no registers left. */
#define @@FENCE __asm__ volatile("" ::: "memory");
/* vmaxnmq and vminnmq would turn NaN into a bound. */
static inline f4 f4_clamp(f4 x, f4 lo, f4 hi)
{
    x = vpselq_f32(lo, x, vcmpltq_f32(x, lo));
    return vpselq_f32(hi, x, vcmpgtq_f32(x, hi));
}
