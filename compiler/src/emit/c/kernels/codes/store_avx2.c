/* Codes of eight sums of columns. */
static inline $T __m256i @codes8_$I(__m256i sums, const float *multipliers, const @codes *k)
{
    const __m256 quanta = _mm256_mul_ps(_mm256_cvtepi32_ps(sums), _mm256_loadu_ps(multipliers));
    const float lo = (float)(k->lo - k->zero[2]), hi = (float)(k->hi - k->zero[2]);
    /* The bound, if it is NaN. */
    const __m256 bounded = _mm256_min_ps(_mm256_max_ps(quanta, _mm256_set1_ps(lo)), _mm256_set1_ps(hi));
    return _mm256_add_epi32(_mm256_cvtps_epi32(bounded), _mm256_set1_epi32(k->zero[2]));
}

/* As bytes. */
static inline $T void @bytes8_$I(__m256i codes, unsigned char *out)
{
    const __m128i words = _mm_packs_epi32(_mm256_castsi256_si128(codes), _mm256_extracti128_si256(codes, 1));
    _mm_storel_epi64((__m128i *)(void *)out, _mm_packus_epi16(words, words));
}

