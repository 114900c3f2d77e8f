/* A map as a plain array. */
static void @export_%ORDER%(const @map *m, float *arena, float *output)
{
    size_t y, x, c;
    for (y = 0; y < m->height; y++) {
        const @row row = @row_at(m, arena, y);
        for (c = 0; c < m->channels; c++) {
            const size_t block = @block(m->channels, c / 16 * 16);
            const float *const from = @row_block(&row, c, block) + c % 16;
            for (x = 0; x < m->width; x++) {
                output[%AT%] = from[x * block];
            }
        }
    }
}

