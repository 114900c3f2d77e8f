/* Quads by 16 columns: magnitudes of weights times codes turned by their signs, so that no sum of two products saturates. */
#define @@SUMS(p) const unsigned char *x##p; __m256i a##p, b##p
#define @@BEGIN(p) \
    a##p = _mm256_loadu_si256((const __m256i *)(const void *)(start + (p) * next)); \
    b##p = _mm256_loadu_si256((const __m256i *)(const void *)(start + (p) * next + 8))
#define @@AT(p) x##p = from + (p) * r->step
#define @@ADD(p) \
    memcpy(&quad, x##p + k, 4); \
    x = _mm256_set1_epi32(quad); \
    a##p = _mm256_add_epi32(a##p, _mm256_madd_epi16(_mm256_maddubs_epi16(u, _mm256_xor_si256(x, m)), ones)); \
    b##p = _mm256_add_epi32(b##p, _mm256_madd_epi16(_mm256_maddubs_epi16(v, _mm256_xor_si256(x, n)), ones))
#define @@END(p) \
    _mm256_storeu_si256((__m256i *)(void *)(sums + (p) * 16), a##p); \
    _mm256_storeu_si256((__m256i *)(void *)(sums + (p) * 16 + 8), b##p)
#define @@DOT(EACH) \
    EACH(@@SUMS); \
    EACH(@@BEGIN); \
    for (i = 0; i < r->count; i++) { \
        const unsigned char *const from = r->at[i] + first * r->step; \
        EACH(@@AT); \
        for (k = 0; k < 4 * r->quads; k += 4, w += 64) { \
            const __m256i lower = _mm256_loadu_si256((const __m256i *)(const void *)w); \
            const __m256i upper = _mm256_loadu_si256((const __m256i *)(const void *)(w + 32)); \
            const __m256i u = _mm256_abs_epi8(lower), m = _mm256_xor_si256(top, _mm256_cmpgt_epi8(none, lower)); \
            const __m256i v = _mm256_abs_epi8(upper), n = _mm256_xor_si256(top, _mm256_cmpgt_epi8(none, upper)); \
            EACH(@@ADD); \
        } \
    } \
    EACH(@@END)
#define @@ONE(DO) DO(0)
#define @@TWO(DO) DO(0); DO(1)
#define @@FOUR(DO) DO(0); DO(1); DO(2); DO(3)

/* Sums of a run's products. */
static @@NOINLINE $T void @dot_$I(const @runs *r, size_t first, size_t pixels, const uint32_t *quads, size_t columns, const int32_t *start,
                                size_t next, int32_t *sums)
{
    const __m256i top = _mm256_set1_epi8((char)-128), none = _mm256_setzero_si256(), ones = _mm256_set1_epi16(1);
    const char *w = (const char *)(const void *)quads;
    size_t i, k;
    int32_t quad;
    __m256i x;
    (void)columns;
    if (pixels == 4) {
        @@DOT(@@FOUR);
        return;
    }
    if (pixels >= 2) {
        @@DOT(@@TWO);
        w = (const char *)(const void *)quads;
        first += 2;
        pixels -= 2;
        start += 2 * next;
        sums += 32;
    }
    if (pixels > 0) {
        @@DOT(@@ONE);
    }
}

