/* The caller's input into a map; lanes beyond the last channel become zero. */
static void @import(const @map *m, const @@INPUT_TYPE *input, float *arena)
{
    size_t y, x, c;
    for (y = 0; y < m->height; y++) {
        const @row row = @row_at(m, arena, y);
        for (c = 0; c < @padded(m->channels); c++) {
            const size_t block = @block(m->channels, c / 16 * 16);
            float *const to = @row_block(&row, c, block) + c % 16;
            for (x = 0; x < m->width; x++) {
                to[x * block] = c < m->channels ? (float)input[%AT%] : 0.0f;
            }
        }
    }
}

