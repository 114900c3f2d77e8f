/* Pixels of a block of a depthwise convolution, whose taps are step bytes apart from pixel to pixel; 8 channels at a time. */
static @@NOINLINE void @window_$I(const unsigned char *const *at, size_t taps, size_t step, size_t count, const float *panel, const @codes *k,
                                unsigned char *out, size_t block)
{
    const int32_t *const bias = (const int32_t *)(const void *)panel;
    const size_t rounds = k->extras;
    size_t x, c, i;
    for (x = 0; count > 0; count--, x += step, out += block) {
        for (c = 0; c < block; c += 8) {
            const int8_t *w = (const int8_t *)(const void *)(panel + 32) + 2 * c;
            const int32x4x2_t begin = vld2q_s32(bias + c);
            const float32x4x2_t by = vld2q_f32(panel + 16 + c);
            int32x4_t even = begin.val[0], odd = begin.val[1];
            int16x8_t codes;
            size_t round = rounds;
            do {
                const unsigned char *const *tap = at;
                for (i = (taps + 1) / 2; i > 0; i--, tap += 2, w += 32) {
                    const int16x8_t a = vreinterpretq_s16_u16(vldrbq_u16(tap[0] + x + c));
                    const int16x8_t b = vreinterpretq_s16_u16(vldrbq_u16(tap[1] + x + c));
                    const int8x16_t both = vldrbq_s8(w);
                    const int16x8_t first = vmovlbq_s8(both), second = vmovltq_s8(both);
                    even = vaddq_s32(even, vmullbq_int_s16(a, first));
                    odd = vaddq_s32(odd, vmulltq_int_s16(a, first));
                    even = vaddq_s32(even, vmullbq_int_s16(b, second));
                    odd = vaddq_s32(odd, vmulltq_int_s16(b, second));
                }
            } while (round-- > 0);
            codes = vmovntq_s32(vreinterpretq_s16_s32(@codes4(even, by.val[0], k)), @codes4(odd, by.val[1], k));
            vstrbq_u16(out + c, vreinterpretq_u16_s16(codes));
        }
    }
}

