/* Codes of sums by a panel's columns. */
static @@NOINLINE void @store_$I(const int32_t *sums, size_t pixels, const float *multipliers, const @codes *k, unsigned char *out, size_t block)
{
    size_t v;
    for (; pixels > 0; pixels--, sums += 16, out += block) {
        for (v = 0; v < block; v += 4) {
            const int32x4_t codes = @codes4(vldrwq_s32(sums + v), vldrwq_f32(multipliers + v), k);
            vstrbq_u32(out + v, vreinterpretq_u32_s32(codes));
        }
    }
}

