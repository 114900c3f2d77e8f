#define @@HALVES(x, y, a, b, sum) __asm__("smla" x y " %0, %1, %2, %0" : "+r"(sum) : "r"(a), "r"(b))

/* Pixels of a block of a depthwise convolution, whose taps are step bytes apart from pixel to pixel; 4 channels at a time. */
static @@NOINLINE void @window_$I(const unsigned char *const *at, size_t taps, size_t step, size_t count, const float *panel, const @codes *k,
                                unsigned char *out, size_t block)
{
    const @bounds bounds = @bounds_of(k);
    const int32_t zero = k->zero[2];
    const size_t rounds = k->extras;
    size_t x = 0, c, i;
    for (; count > 0; count--, x += step) {
        const float *m = panel;
        for (c = x; c < x + block; c += 4, m += 4, out += 4) {
            const int32_t *const bias = (const int32_t *)(const void *)m;
            const uint32_t *w = (const uint32_t *)(const void *)(panel + 32 + (c - x) / 2);
            int32_t s0 = bias[0], s1 = bias[1], s2 = bias[2], s3 = bias[3];
            uint32_t codes;
            size_t round = rounds;
            do {
                const unsigned char *const *tap = at;
                for (i = taps / 2; i > 0; i--, tap += 2, w += 8) {
                    const uint32_t a = @word(tap[0] + c), b = @word(tap[1] + c), v0 = w[0], v1 = w[1];
                    const uint32_t ae = @u_even(a), ao = @u_odd(a), be = @u_even(b), bo = @u_odd(b);
                    const uint32_t e0 = @s_even(v0), o0 = @s_odd(v0), e1 = @s_even(v1), o1 = @s_odd(v1);
                    @@HALVES("b", "b", ae, e0, s0);
                    @@HALVES("b", "t", ao, e0, s1);
                    @@HALVES("t", "b", ae, e1, s2);
                    @@HALVES("t", "t", ao, e1, s3);
                    @@HALVES("b", "b", be, o0, s0);
                    @@HALVES("b", "t", bo, o0, s1);
                    @@HALVES("t", "b", be, o1, s2);
                    @@HALVES("t", "t", bo, o1, s3);
                }
                if (taps % 2 != 0) {
                    const uint32_t a = @word(tap[0] + c), ae = @u_even(a), ao = @u_odd(a);
                    const uint32_t e0 = @s_even(w[0]), e1 = @s_even(w[1]);
                    w += 8;
                    @@HALVES("b", "b", ae, e0, s0);
                    @@HALVES("b", "t", ao, e0, s1);
                    @@HALVES("t", "b", ae, e1, s2);
                    @@HALVES("t", "t", ao, e1, s3);
                }
            } while (round-- > 0);
            codes = @byte(s0, m[16], zero) | @byte(s1, m[17], zero) << 8 | @byte(s2, m[18], zero) << 16 | @byte(s3, m[19], zero) << 24;
            codes = @bounded(codes, bounds);
            memcpy(out, &codes, 4);
        }
    }
}

