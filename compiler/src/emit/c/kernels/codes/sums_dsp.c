/* Sums of a pixel by a panel's columns, on top of start. */
static void @sums_$I(const @field *f, size_t m, size_t pixels, const @columns *panel, size_t columns, const int32_t *start, size_t next,
                     int32_t *sums)
{
    uint32_t codes[6 * %QUADS%];
    const size_t quads = (size_t)(@spread(&f->narrow, m, pixels, @spread(&f->wide, m, pixels, codes)) - codes) / 6;
    int32_t all[48];
%DECLARE%    memcpy(all, start, 64);
    @dot_$I(codes, quads, panel->quads + f->first * 16, columns, all, 0, all);
%EXTRA%    memcpy(sums, all, 64);
    (void)next;
}

