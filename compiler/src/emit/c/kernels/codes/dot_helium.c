/* Codes less 128 of four pixels: sixteen of each at a time, with zeros behind the last. */
static @@NOINLINE void @spread(const @field *f, size_t m, size_t pixels, int8_t *to)
{
    const uint8x16_t sign = vdupq_n_u8(0x80);
    const mve_pred16_t narrow = vctp8q(8);
    const size_t part = f->wide.quads * 4;
    size_t p, i, k;
    for (p = 0; p < pixels; p++, to += 16) {
        int8_t *x = to;
        if (part == 16) {
            for (i = 0; i < f->wide.count; i++, x += 64) {
                vst1q_s8(x, vreinterpretq_s8_u8(veorq_u8(vldrbq_u8(f->wide.at[i] + (m + p) * f->wide.step), sign)));
            }
            if (f->narrow.count > 0) {
                const uint8x16_t half = vldrbq_z_u8(f->narrow.at[0] + (m + p) * f->narrow.step, narrow);
                vst1q_s8(x, vreinterpretq_s8_u8(veorq_u8(half, vpselq_u8(sign, vdupq_n_u8(0), narrow))));
            }
        } else {
            uint8_t line[%LINE%], *end = line;
            for (i = 0; i < f->wide.count; i++, end += part) {
                const unsigned char *const from = f->wide.at[i] + (m + p) * f->wide.step;
                for (k = 0; k < part; k += 16) {
                    const mve_pred16_t there = vctp8q((uint32_t)(part - k));
                    vstrbq_p_u8(end + k, vldrbq_z_u8(from + k, there), there);
                }
            }
            vst1q_u8(end, sign);
            for (k = 0; line + k < end; k += 16, x += 64) {
                vst1q_s8(x, vreinterpretq_s8_u8(veorq_u8(vldrbq_u8(line + k), sign)));
            }
        }
    }
}

/* Sixteen taps of a column by four pixels: the quads behind those at at. Compilers copy addresses before they step. */
#if defined(__clang__)
#define @@SIXTEEN \
    by = vreinterpretq_s8_u32(vldrwq_gather_base_wb_u32(&at, 256)); \
    s0 = vmladavaq_s8(s0, by, vldrbq_s8(x)); \
    s1 = vmladavaq_s8(s1, by, vldrbq_s8(x + 16)); \
    s2 = vmladavaq_s8(s2, by, vldrbq_s8(x + 32)); \
    s3 = vmladavaq_s8(s3, by, vldrbq_s8(x + 48)); \
    x += 64
#else
#define @@SIXTEEN \
    int8x16_t y, z; \
    __asm__("vldrw.u32 %q[by], [%q[at], #256]!\n\t" \
            "vldrb.8 %q[y], [%[x]], #16\n\tvmladava.s8 %[a], %q[by], %q[y]\n\tvldrb.8 %q[z], [%[x]], #16\n\tvmladava.s8 %[b], %q[by], %q[z]\n\t" \
            "vldrb.8 %q[y], [%[x]], #16\n\tvmladava.s8 %[c], %q[by], %q[y]\n\tvldrb.8 %q[z], [%[x]], #16\n\tvmladava.s8 %[d], %q[by], %q[z]" \
            : [a] "+Te"(s0), [b] "+Te"(s1), [c] "+Te"(s2), [d] "+Te"(s3), [x] "+r"(x), [at] "+w"(at), [by] "=&w"(by), [y] "=&w"(y), [z] "=&w"(z) \
            : : "memory")
#endif

/* Sums of four pixels by the columns of a panel, sixteen taps of a column at a time. */
static @@NOINLINE void @dot_$I(const int8_t *codes, size_t quads, const uint32_t *weights, size_t columns, const int32_t *start, size_t next,
                             int32_t *sums)
{
    const uint32x4_t apart = vshlq_n_u32(vidupq_n_u32(0, 8), 3); /* bytes between quads */
    const size_t whole = quads / 4;
    const mve_pred16_t there = vctp32q((uint32_t)(quads % 4));
    size_t c, i;
    for (c = 0; c < columns; c++) {
        const int8_t *x = codes;
        uint32x4_t at = vaddq_n_u32(apart, (uint32_t)(uintptr_t)(weights + c) - 256); /* of the four quads before */
        int8x16_t by;
        int32_t s0 = start[c], s1 = start[next + c], s2 = start[2 * next + c], s3 = start[3 * next + c];
        for (i = whole; i > 0; i--) {
            @@SIXTEEN;
        }
        if (quads % 4 != 0) {
            by = vreinterpretq_s8_u32(vldrwq_gather_base_z_u32(at, 256, there));
            s0 = vmladavaq_s8(s0, by, vldrbq_s8(x));
            s1 = vmladavaq_s8(s1, by, vldrbq_s8(x + 16));
            s2 = vmladavaq_s8(s2, by, vldrbq_s8(x + 32));
            s3 = vmladavaq_s8(s3, by, vldrbq_s8(x + 48));
        }
        sums[c] = s0;
        sums[16 + c] = s1;
        sums[32 + c] = s2;
        sums[48 + c] = s3;
    }
}

