/* Pixels of a block of a depthwise convolution, whose taps are step bytes apart from pixel to pixel; 8 channels at a time. */
static @@NOINLINE void @window_$I(const unsigned char *const *at, size_t taps, size_t step, size_t count, const float *panel, const @codes *k,
                                unsigned char *out, size_t block)
{
    const int32_t *const bias = (const int32_t *)(const void *)panel;
    const size_t pairs = (taps + 1) / 2, rounds = 1 + (size_t)k->extras;
    size_t c, x, i, round;
    for (c = 0; c < block; c += 8) {
        for (x = 0; x < count; x++) {
            const int8_t *w = (const int8_t *)(const void *)(panel + 32) + 2 * c;
            int32x4_t lower = vld1q_s32(bias + c), upper = vld1q_s32(bias + c + 4);
            for (round = 0; round < rounds; round++) {
                for (i = 0; i < pairs; i++, w += 32) {
                    const int16x8_t a = vreinterpretq_s16_u16(vmovl_u8(vld1_u8(at[2 * i] + x * step + c)));
                    const int16x8_t b = vreinterpretq_s16_u16(vmovl_u8(vld1_u8(at[2 * i + 1] + x * step + c)));
                    const int8x8x2_t both = vld2_s8(w);
                    const int16x8_t by = vmovl_s8(both.val[0]), then = vmovl_s8(both.val[1]);
                    lower = vmlal_s16(lower, vget_low_s16(a), vget_low_s16(by));
                    upper = vmlal_high_s16(upper, a, by);
                    lower = vmlal_s16(lower, vget_low_s16(b), vget_low_s16(then));
                    upper = vmlal_high_s16(upper, b, then);
                }
            }
            @bytes8_$I(lower, upper, panel + 16 + c, k, out + x * block + c);
        }
    }
}

