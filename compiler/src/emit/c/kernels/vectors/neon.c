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
