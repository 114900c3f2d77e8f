#define @@FIRST16(p) __m512i s##p = bias
#define @@PAIR16(p) \
    s##p = _mm512_dpwssd_epi32(s##p, _mm512_or_si512( \
        _mm512_maskz_cvtepu8_epi32(0xffff, _mm_maskz_loadu_epi8(all, a + (p) * step)), \
        _mm512_maskz_slli_epi32(0xffff, _mm512_maskz_cvtepu8_epi32(0xffff, _mm_maskz_loadu_epi8(all, b + (p) * step)), 16)), by)
#define @@LAST16(p) _mm_mask_storeu_epi8(out + (p) * block, all, @codes16_$I(s##p, panel + 16, k))
#define @@PIXELS16(EACH) \
    EACH(@@FIRST16); \
    for (round = 0; round < rounds; round++) { \
        for (i = 0; i < pairs; i++, w += 32) { \
            const unsigned char *const a = at[2 * i] + x * step, *const b = at[2 * i + 1] + x * step; \
            const __m512i by = _mm512_maskz_cvtepi8_epi16(0xffffffffu, _mm256_loadu_si256((const __m256i *)(const void *)w)); \
            EACH(@@PAIR16); \
        } \
    } \
    EACH(@@LAST16)
#define @@ONE(DO) DO(0)
#define @@FOUR(DO) DO(0); DO(1); DO(2); DO(3)

/* Pixels of a block of a depthwise convolution, whose taps are step bytes apart from pixel to pixel. */
static @@NOINLINE $T void @window_$I(const unsigned char *const *at, size_t taps, size_t step, size_t count, const float *panel, const @codes *k,
                                   unsigned char *out, size_t block)
{
    const size_t pairs = (taps + 1) / 2, rounds = 1 + (size_t)k->extras;
    const __mmask16 all = (__mmask16)((1u << block) - 1);
    const __m512i bias = _mm512_loadu_si512((const void *)panel);
    size_t x, i, round;
    for (x = 0; x < count;) {
        const char *w = (const char *)(panel + 32);
        if (count - x >= 4) {
            @@PIXELS16(@@FOUR);
            x += 4;
            out += 4 * block;
        } else {
            @@PIXELS16(@@ONE);
            x += 1;
            out += block;
        }
    }
}

