/* Codes of the sums of 16 columns. Through all lanes of a mask: g++ warns of the undefined vector in the plain forms. */
static inline $T __m128i @codes16_$I(__m512i sums, const float *multipliers, const @codes *k)
{
    const __m512 quanta = _mm512_mul_ps(_mm512_maskz_cvtepi32_ps(0xffff, sums), _mm512_loadu_ps(multipliers));
    const float lo = (float)(k->lo - k->zero[2]), hi = (float)(k->hi - k->zero[2]);
    /* The bound, if it is NaN. */
    const __m512 raised = _mm512_maskz_max_ps(0xffff, quanta, _mm512_set1_ps(lo));
    const __m512i rounded = _mm512_maskz_cvtps_epi32(0xffff, _mm512_maskz_min_ps(0xffff, raised, _mm512_set1_ps(hi)));
    return _mm512_maskz_cvtepi32_epi8(0xffff, _mm512_add_epi32(rounded, _mm512_set1_epi32(k->zero[2])));
}

