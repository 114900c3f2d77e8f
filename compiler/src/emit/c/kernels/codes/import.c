/* The caller's input into a map of codes. */
static void @import_codes(const @map *m, const @@INPUT_TYPE *input, %SCALE%float *arena)
{
    size_t y, x, c;
    for (y = 0; y < m->height; y++) {
        const @codes_row row = @codes_row_at(m, arena, y);
        for (c = 0; c < @padded(m->channels); c++) {
            const size_t block = @block(m->channels, c / 16 * 16);
            unsigned char *const to = @codes_block(&row, c, block) + c % 16;
            for (x = 0; x < m->width; x++) {
                to[x * block] = c < m->channels ? %VALUE% : 0;
            }
        }
    }
}

