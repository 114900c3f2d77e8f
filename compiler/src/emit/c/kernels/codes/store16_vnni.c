/* Codes of sums by a panel's columns. */
static $T void @store_$I(const int32_t *sums, size_t pixels, const float *multipliers, const @codes *k, unsigned char *out, size_t block)
{
    const __mmask16 all = (__mmask16)((1u << block) - 1);
    for (; pixels > 0; pixels--, sums += 16, out += block) {
        _mm_mask_storeu_epi8(out, all, @codes16_$I(_mm512_loadu_si512((const void *)sums), multipliers, k));
    }
}

