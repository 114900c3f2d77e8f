/* Codes of sums by a panel's columns. */
static $T void @store_$I(const int32_t *sums, size_t pixels, const float *multipliers, const @codes *k, unsigned char *out, size_t block)
{
    for (; pixels > 0; pixels--, sums += 16, out += block) {
        size_t v;
        for (v = 0; v < block; v += 8) {
            const __m256i c = _mm256_loadu_si256((const __m256i *)(const void *)(sums + v));
            @bytes8_$I(@codes8_$I(c, multipliers + v, k), out + v);
        }
    }
}

