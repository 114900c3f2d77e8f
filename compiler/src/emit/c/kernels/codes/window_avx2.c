/* Pixels of a block of a depthwise convolution, whose taps are step bytes apart from pixel to pixel; 8 channels at a time. */
static @@NOINLINE $T void @window_$I(const unsigned char *const *at, size_t taps, size_t step, size_t count, const float *panel, const @codes *k,
                                   unsigned char *out, size_t block)
{
    const size_t pairs = (taps + 1) / 2, rounds = 1 + (size_t)k->extras;
    size_t c, x, i, round;
    for (c = 0; c < block; c += 8) {
        const __m256i bias = _mm256_loadu_si256((const __m256i *)(const void *)(panel + c));
        for (x = 0; x < count; x++) {
            const char *w = (const char *)(panel + 32) + 2 * c;
            __m256i sums = bias;
            for (round = 0; round < rounds; round++) {
                for (i = 0; i < pairs; i++, w += 32) {
                    const __m128i a = _mm_loadl_epi64((const __m128i *)(const void *)(at[2 * i] + x * step + c));
                    const __m128i b = _mm_loadl_epi64((const __m128i *)(const void *)(at[2 * i + 1] + x * step + c));
                    const __m256i codes = _mm256_cvtepu8_epi16(_mm_unpacklo_epi8(a, b));
                    const __m256i by = _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)(const void *)w));
                    sums = _mm256_add_epi32(sums, _mm256_madd_epi16(codes, by));
                }
            }
            @bytes8_$I(@codes8_$I(sums, panel + 16 + c, k), out + x * block + c);
        }
    }
}

