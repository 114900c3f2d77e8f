/* Pixels of a block of a depthwise convolution, whose taps are step bytes apart from pixel to pixel; 8 channels at a time. */
static @@NOINLINE void @window_$I(const unsigned char *const *at, size_t taps, size_t step, size_t count, const float *panel, const @codes *k,
                                unsigned char *out, size_t block)
{
    const int32_t *const bias = (const int32_t *)(const void *)panel;
    const int32_t zero = k->zero[2];
    const float32x4_t lo = vdupq_n_f32((float)(k->lo - zero)), hi = vdupq_n_f32((float)(k->hi - zero));
    const size_t pairs = (taps + 1) / 2, rounds = k->extras;
    const uint32x4_t pairwise = vidupq_n_u32(0, 2);
    size_t x, c, i;
    for (c = 0; c < block; c += 8) {
        unsigned char *to = out + c;
        for (x = c; x < c + count * step; x += step, to += block) {
            const int8_t *w = (const int8_t *)(const void *)(panel + 32) + 2 * c;
            int32x4_t even = vldrwq_gather_shifted_offset_s32(bias + c, pairwise), odd = vldrwq_gather_shifted_offset_s32(bias + c + 1, pairwise);
            int16x8_t codes;
            size_t round = rounds;
            do {
                const unsigned char *const *tap = at;
                for (i = pairs; i > 0; i--, tap += 2, w += 32) {
                    const int16x8_t a = vreinterpretq_s16_u16(vldrbq_u16(tap[0] + x));
                    const int16x8_t b = vreinterpretq_s16_u16(vldrbq_u16(tap[1] + x));
                    const int8x16_t both = vldrbq_s8(w);
                    const int16x8_t first = vmovlbq_s8(both), second = vmovltq_s8(both);
                    even = vaddq_s32(even, vmullbq_int_s16(a, first));
                    odd = vaddq_s32(odd, vmulltq_int_s16(a, first));
                    even = vaddq_s32(even, vmullbq_int_s16(b, second));
                    odd = vaddq_s32(odd, vmulltq_int_s16(b, second));
                }
            } while (round-- > 0);
            even = @codes4(even, vldrwq_gather_shifted_offset_f32(panel + 16 + c, pairwise), lo, hi, zero);
            odd = @codes4(odd, vldrwq_gather_shifted_offset_f32(panel + 17 + c, pairwise), lo, hi, zero);
            codes = vmovntq_s32(vreinterpretq_s16_s32(even), odd);
            vstrbq_u16(to, vreinterpretq_u16_s16(codes));
        }
    }
}

