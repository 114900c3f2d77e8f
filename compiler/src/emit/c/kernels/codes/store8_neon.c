/* Codes of sums by a panel's columns. */
static void @store_$I(const int32_t *sums, size_t pixels, const float *multipliers, const @codes *k, unsigned char *out, size_t block)
{
    for (; pixels > 0; pixels--, sums += 16, out += block) {
        size_t v;
        for (v = 0; v < block; v += 8) {
            @bytes8_$I(vld1q_s32(sums + v), vld1q_s32(sums + v + 4), multipliers + v, k, out + v);
        }
    }
}

