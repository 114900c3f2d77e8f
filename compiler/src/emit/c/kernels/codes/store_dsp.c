/* Codes of sums by a panel's columns. */
static @@NOINLINE void @store_$I(const int32_t *sums, size_t pixels, const float *multipliers, const @codes *k, unsigned char *out, size_t block)
{
    const @bounds bounds = @bounds_of(k);
    const int32_t zero = k->zero[2];
    const size_t skip = 16 - block;
    for (; pixels > 0; pixels--, sums += skip) {
        const float *m = multipliers, *const end = multipliers + block;
        do {
            const uint32_t a = @byte(sums[0], m[0], zero), b = @byte(sums[1], m[1], zero);
            const uint32_t c = @byte(sums[2], m[2], zero), d = @byte(sums[3], m[3], zero);
            const uint32_t codes = @bounded(a | b << 8 | c << 16 | d << 24, bounds);
            memcpy(out, &codes, 4);
            sums += 4;
            m += 4;
            out += 4;
        } while (m != end);
    }
}

