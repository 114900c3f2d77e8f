/* A map into another's channels, from channel on. */
static void @copy(const @map *from, const @map *to, size_t channel, float *arena)
{
    size_t y, c, x;
    for (y = 0; y < from->height; y++) {
        const @row source = @row_at(from, arena, y), target = @row_at(to, arena, y);
        for (c = 0; c < from->channels; c++) {
            const size_t d = channel + c, block = @block(from->channels, c / 16 * 16), width = @block(to->channels, d / 16 * 16);
            const float *const a = @row_block(&source, c, block) + c % 16;
            float *const b = @row_block(&target, d, width) + d % 16;
            for (x = 0; x < from->width; x++) {
                b[x * width] = a[x * block];
            }
        }
    }
}

