/* Blocks of a pixel's channels, from where they begin in the first block. */
static void @blocks(@field *f, const unsigned char **at, const unsigned char *from, size_t distance, size_t channels, size_t x,
                    size_t stride)
{
    const size_t whole = @padded(channels) / 16;
    size_t i;
    for (i = 0; i < whole; i++, from += distance) {
        at[i] = from + x * 16;
    }
    at[whole] = from + x * 8;
    f->wide.at = at;
    f->wide.count = whole;
    f->wide.quads = 4;
    f->wide.step = 16 * stride;
    f->narrow.at = at + whole;
    f->narrow.count = @padded(channels) / 8 % 2;
    f->narrow.quads = 2;
    f->narrow.step = 8 * stride;
    f->first = 0;
}

