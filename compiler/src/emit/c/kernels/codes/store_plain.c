/* Codes of sums by a panel's columns. */
static void @store_$I(const int32_t *sums, size_t pixels, const float *multipliers, const @codes *k, unsigned char *out, size_t block)
{
    size_t v;
    for (; pixels > 0; pixels--, sums += 16, out += block) {
        for (v = 0; v < block; v++) {
            out[v] = @code((float)sums[v] * multipliers[v], k);
        }
    }
}

