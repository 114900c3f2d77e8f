/* Codes less 128 of up to four pixels, one pixel's quads behind the other's, with zeros up to a multiple of 16; bytes of a pixel. */
static @@NOINLINE size_t @spread(const @field *f, size_t m, size_t pixels, int8_t *to)
{
    const uint8x16_t sign = vdupq_n_u8(0x80);
    const size_t whole = f->wide.count * f->wide.quads * 4;
    const size_t bytes = (whole + f->narrow.count * 8 + 15) / 16 * 16;
    size_t p, i, k;
    for (p = 0; p < pixels; p++, to += bytes) {
        int8_t *x = to;
        for (i = 0; i < f->wide.count; i++) {
            const unsigned char *const from = f->wide.at[i] + (m + p) * f->wide.step;
            for (k = 0; k < f->wide.quads * 4; k += 16) {
                const mve_pred16_t there = vctp8q((uint32_t)(f->wide.quads * 4 - k));
                vstrbq_p_u8((uint8_t *)x + k, veorq_u8(vldrbq_z_u8(from + k, there), sign), there);
            }
            x += f->wide.quads * 4;
        }
        if (f->narrow.count > 0) {
            const mve_pred16_t there = vctp8q(8);
            vstrbq_p_u8((uint8_t *)x, veorq_u8(vldrbq_z_u8(f->narrow.at[0] + (m + p) * f->narrow.step, there), sign), there);
            x += 8;
        }
        memset(x, 0, (size_t)(to + bytes - x));
    }
    return bytes;
}

/* Sums of four pixels by the columns of a panel, 16 taps of a column at a time. */
static @@NOINLINE void @dot_$I(const int8_t *codes, size_t bytes, size_t quads, const uint32_t *weights, size_t columns, const int32_t *start,
                             size_t next, int32_t *sums)
{
    const uint32x4_t apart = vshlq_n_u32(vidupq_n_u32(0, 8), 1); /* words between quads */
    size_t c;
    for (c = 0; c < columns; c++) {
        const int8_t *x = codes;
        const uint32_t *w = weights + c;
        int32_t s0 = start[c], s1 = start[next + c], s2 = start[2 * next + c], s3 = start[3 * next + c];
        int left = (int)quads;
        do {
            const int8x16_t by = vreinterpretq_s8_u32(vldrwq_gather_shifted_offset_z_u32(w, apart, vctp32q((uint32_t)left)));
            s0 = vmladavaq_s8(s0, by, vldrbq_s8(x));
            s1 = vmladavaq_s8(s1, by, vldrbq_s8(x + bytes));
            s2 = vmladavaq_s8(s2, by, vldrbq_s8(x + 2 * bytes));
            s3 = vmladavaq_s8(s3, by, vldrbq_s8(x + 3 * bytes));
            x += 16;
            w += 64;
            left -= 4;
        } while (left > 0);
        sums[c] = s0;
        sums[16 + c] = s1;
        sums[32 + c] = s2;
        sums[48 + c] = s3;
    }
}

