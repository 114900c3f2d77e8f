/* Pixels of a block of a depthwise convolution, whose taps are step bytes apart from pixel to pixel; 8 channels at a time. */
static void @window_$I(const unsigned char *const *at, size_t taps, size_t step, size_t count, const float *panel, const @codes *k,
                       unsigned char *out, size_t block)
{
    const int32_t *const bias = (const int32_t *)(const void *)panel;
    const uint32_t *const weights = (const uint32_t *)(const void *)(panel + 32);
    size_t x, c, v, i, round;
    for (x = 0; x < count; x++, out += block) {
        for (c = 0; c < block; c += 8) {
            const uint32_t *w = weights + c / 2;
            uint32_t sums[8];
            for (v = 0; v < 8; v++) {
                sums[v] = (uint32_t)bias[c + v];
            }
            for (round = 0; round <= k->extras; round++) {
                for (i = 0; i < (taps + 1) / 2; i++, w += 8) {
                    const unsigned char *const a = at[2 * i] + x * step + c, *const b = at[2 * i + 1] + x * step + c;
                    for (v = 0; v < 8; v++) {
                        sums[v] += (uint32_t)(a[v] * @@WEIGHT(w, 2 * v) + b[v] * @@WEIGHT(w, 2 * v + 1));
                    }
                }
            }
            for (v = 0; v < 8; v++) {
                out[c + v] = @code((float)(int32_t)sums[v] * panel[16 + c + v], k);
            }
        }
    }
}

