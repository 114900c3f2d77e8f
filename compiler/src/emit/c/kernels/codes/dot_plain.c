#define @@PLUS(sum, x, v) \
    (sum) + (uint32_t)(x##0 * @@WEIGHT(b, 4 * (v)) + x##1 * @@WEIGHT(b, 4 * (v) + 1) + x##2 * @@WEIGHT(b, 4 * (v) + 2) + x##3 * @@WEIGHT(b, 4 * (v) + 3))

/* Sums of a run's products, a quad by 16 columns at a time, of two pixels, and of the last. They wrap. */
static @@NOINLINE void @dot_$I(const @runs *r, size_t m, size_t pixels, const uint32_t *quads, size_t columns, const int32_t *start,
                       size_t next, int32_t *sums)
{
    size_t i, k, v;
    (void)columns; /* all: loops of known length become vectors */
    for (; pixels > 1; pixels -= 2, m += 2, start += 2 * next, sums += 32) {
        uint32_t c[16], d[16];
        const uint32_t *b = quads;
        for (v = 0; v < 16; v++) {
            c[v] = (uint32_t)start[v];
            d[v] = (uint32_t)start[next + v];
        }
        for (i = 0; i < r->count; i++) {
            const unsigned char *x = r->at[i] + m * r->step, *y = x + r->step;
            for (k = 0; k < r->quads; k++, x += 4, y += 4, b += 16) {
                const int x0 = x[0], x1 = x[1], x2 = x[2], x3 = x[3], y0 = y[0], y1 = y[1], y2 = y[2], y3 = y[3];
                for (v = 0; v < 16; v++) {
                    c[v] = @@PLUS(c[v], x, v);
                    d[v] = @@PLUS(d[v], y, v);
                }
            }
        }
        for (v = 0; v < 16; v++) {
            sums[v] = (int32_t)c[v];
            sums[16 + v] = (int32_t)d[v];
        }
    }
    if (pixels > 0) {
        uint32_t c[16];
        const uint32_t *b = quads;
        for (v = 0; v < 16; v++) {
            c[v] = (uint32_t)start[v];
        }
        for (i = 0; i < r->count; i++) {
            const unsigned char *x = r->at[i] + m * r->step;
            for (k = 0; k < r->quads; k++, x += 4, b += 16) {
                const int x0 = x[0], x1 = x[1], x2 = x[2], x3 = x[3];
                for (v = 0; v < 16; v++) {
                    c[v] = @@PLUS(c[v], x, v);
                }
            }
        }
        for (v = 0; v < 16; v++) {
            sums[v] = (int32_t)c[v];
        }
    }
}

