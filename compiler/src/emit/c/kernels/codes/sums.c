/* Sums of pixels from m on by a panel's columns: on top of start, which moves on by next from pixel to pixel. */
static @@NOINLINE $T void @sums_$I(const @field *f, size_t m, size_t pixels, const @columns *panel, size_t columns,
                                 const int32_t *start, size_t next, int32_t *sums)
{
    const uint32_t *const quads = panel->quads + f->first * 16;
%DECLARE%    if (f->wide.count > 0) {
        @dot_$I(&f->wide, m, pixels, quads, columns, start, next, sums);
        start = sums;
        next = 16;
    }
    if (f->narrow.count > 0) {
        @dot_$I(&f->narrow, m, pixels, quads + f->wide.count * f->wide.quads * 16, columns, start, next, sums);
    }
%EXTRA%}

