/* Codes of sums by a panel's columns. */
static @@NOINLINE void @store_$I(const int32_t *sums, size_t pixels, const float *multipliers, const @codes *k, unsigned char *out, size_t block)
{
    const int32_t zero = k->zero[2];
    const float32x4_t lo = vdupq_n_f32((float)(k->lo - zero)), hi = vdupq_n_f32((float)(k->hi - zero));
    size_t v, p;
    for (v = 0; v < block; v += 4) {
        const float32x4_t by = vldrwq_f32(multipliers + v);
        const int32_t *from = sums + v;
        unsigned char *to = out + v;
        for (p = pixels; p > 0; p--, from += 16, to += block) {
            vstrbq_u32(to, vreinterpretq_u32_s32(@codes4(vldrwq_s32(from), by, lo, hi, zero)));
        }
    }
}

