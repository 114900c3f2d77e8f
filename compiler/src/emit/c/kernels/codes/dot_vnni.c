/* Quads by 16 columns, sums of four products at a time. */
#define @@SUMS16(p) const unsigned char *x##p; __m512i a##p
#define @@BEGIN16(p) a##p = _mm512_loadu_si512((const void *)(start + (p) * next))
#define @@AT16(p) x##p = from + (p) * r->step
#define @@ADD16(p) \
    memcpy(&quad, x##p + k, 4); \
    a##p = _mm512_dpbusd_epi32(a##p, _mm512_set1_epi32(quad), by)
#define @@END16(p) _mm512_storeu_si512((void *)(sums + (p) * 16), a##p)
#define @@DOT16(EACH) \
    EACH(@@SUMS16); \
    EACH(@@BEGIN16); \
    for (i = 0; i < r->count; i++) { \
        const unsigned char *const from = r->at[i] + first * r->step; \
        EACH(@@AT16); \
        for (k = 0; k < 4 * r->quads; k += 4, w += 64) { \
            const __m512i by = _mm512_loadu_si512((const void *)w); \
            EACH(@@ADD16); \
        } \
    } \
    EACH(@@END16)
#define @@ONE(DO) DO(0)
#define @@TWO(DO) DO(0); DO(1)
#define @@FOUR(DO) DO(0); DO(1); DO(2); DO(3)
#define @@EIGHT(DO) @@FOUR(DO); DO(4); DO(5); DO(6); DO(7)

/* Sums of a run's products. */
static @@NOINLINE $T void @dot_$I(const @runs *r, size_t first, size_t pixels, const uint32_t *quads, size_t columns, const int32_t *start,
                                size_t next, int32_t *sums)
{
    const char *w = (const char *)(const void *)quads;
    size_t i, k, some;
    int32_t quad;
    (void)columns;
    for (; pixels > 0; pixels -= some, first += some, start += some * next, sums += some * 16) {
        w = (const char *)(const void *)quads;
        if (pixels >= 8) {
            some = 8;
            @@DOT16(@@EIGHT);
        } else if (pixels >= 4) {
            some = 4;
            @@DOT16(@@FOUR);
        } else if (pixels >= 2) {
            some = 2;
            @@DOT16(@@TWO);
        } else {
            some = 1;
            @@DOT16(@@ONE);
        }
    }
}

