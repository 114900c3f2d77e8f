/* A map of codes as a plain array; those of signed types have 128 added in memory. */
static void @export_codes_%ORDER%(const @map *m, float *arena, int is_signed, void *output)
{
    unsigned char *const codes = (unsigned char *)output;
    size_t y, x, c;
    for (y = 0; y < m->height; y++) {
        const @codes_row row = @codes_row_at(m, arena, y);
        for (c = 0; c < m->channels; c++) {
            const size_t block = @block(m->channels, c / 16 * 16);
            const unsigned char *const from = @codes_block(&row, c, block) + c % 16;
            for (x = 0; x < m->width; x++) {
                codes[%AT%] = (unsigned char)(from[x * block] ^ (is_signed ? 0x80 : 0));
            }
        }
    }
}

