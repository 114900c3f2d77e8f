/* Sums of a pixel by a panel's columns, on top of start. */
static void @sums_$I(const @field *f, size_t m, size_t pixels, const @columns *panel, size_t columns, const int32_t *start, size_t next,
                     int32_t *sums)
{
    int8_t codes[%BYTES%] = {0};
    const size_t quads = f->wide.count * f->wide.quads + f->narrow.count * 2;
    int32_t all[64];
%DECLARE%    @spread(f, m, pixels, codes);
    memcpy(all, start, 64);
    @dot_$I(codes, quads, panel->quads + f->first * 16, columns, all, 0, all);
%EXTRA%    memcpy(sums, all, 64);
    (void)next;
}

