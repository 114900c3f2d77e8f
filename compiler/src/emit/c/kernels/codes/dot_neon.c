/* Quads by 16 columns, of codes less 128. */
#if defined(__ARM_FEATURE_DOTPROD)
#define @@MULTIPLY(sum, by) sum = vdotq_s32(sum, by, x)
#else
#define @@MULTIPLY(sum, by) \
    sum = vaddq_s32(sum, vpaddq_s32(vpaddlq_s16(vmull_s8(vget_low_s8(by), vget_low_s8(x))), vpaddlq_s16(vmull_high_s8(by, x))))
#endif
#define @@SUMS(p) const unsigned char *x##p; int32x4_t a##p, b##p, c##p, d##p
#define @@BEGIN(p) \
    a##p = vld1q_s32(start + (p) * next); \
    b##p = vld1q_s32(start + (p) * next + 4); \
    c##p = vld1q_s32(start + (p) * next + 8); \
    d##p = vld1q_s32(start + (p) * next + 12)
#define @@AT(p) x##p = from + (p) * r->step
#define @@ADD(p) \
    memcpy(&quad, x##p + k, 4); \
    x = vreinterpretq_s8_u32(vdupq_n_u32(quad ^ 0x80808080u)); \
    @@MULTIPLY(a##p, w0); \
    @@MULTIPLY(b##p, w1); \
    @@MULTIPLY(c##p, w2); \
    @@MULTIPLY(d##p, w3)
#define @@END(p) \
    vst1q_s32(sums + (p) * 16, a##p); \
    vst1q_s32(sums + (p) * 16 + 4, b##p); \
    vst1q_s32(sums + (p) * 16 + 8, c##p); \
    vst1q_s32(sums + (p) * 16 + 12, d##p)
#define @@DOT(EACH) \
    EACH(@@SUMS); \
    EACH(@@BEGIN); \
    for (i = 0; i < r->count; i++) { \
        const unsigned char *const from = r->at[i] + first * r->step; \
        EACH(@@AT); \
        for (k = 0; k < 4 * r->quads; k += 4, w += 64) { \
            const int8x16_t w0 = vld1q_s8(w), w1 = vld1q_s8(w + 16), w2 = vld1q_s8(w + 32), w3 = vld1q_s8(w + 48); \
            EACH(@@ADD); \
        } \
    } \
    EACH(@@END)
#define @@ONE(DO) DO(0)
#define @@TWO(DO) DO(0); DO(1)
#define @@FOUR(DO) DO(0); DO(1); DO(2); DO(3)

/* Sums of a run's products. */
static @@NOINLINE void @dot_$I(const @runs *r, size_t first, size_t pixels, const uint32_t *quads, size_t columns, const int32_t *start,
                             size_t next, int32_t *sums)
{
    const int8_t *w = (const int8_t *)(const void *)quads;
    size_t i, k;
    uint32_t quad;
    int8x16_t x;
    (void)columns;
#if defined(__ARM_FEATURE_DOTPROD)
    if (pixels == 4) {
        @@DOT(@@FOUR);
        return;
    }
#endif
    while (pixels >= 2) {
        @@DOT(@@TWO);
        w = (const int8_t *)(const void *)quads;
        first += 2;
        pixels -= 2;
        start += 2 * next;
        sums += 32;
    }
    if (pixels > 0) {
        @@DOT(@@ONE);
    }
}

