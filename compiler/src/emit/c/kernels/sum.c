/* Group q of the map that a link adds, to where its output goes. */
static void @begin_sum(const @link *s, const @image *image, size_t q)
{
    const @map *const from = &@maps[s->add], *const to = image->out;
    const size_t first = q * to->group, end = first + @group_rows(to, q);
    size_t y, c;
    for (y = first; y < end; y++) {
        const @row a = @row_at(from, image->arena, y), b = @row_at(to, image->arena, y);
        for (c = 0; c < to->channels; c += 16) {
            const size_t block = @block(to->channels, c);
            const float *const source = @row_block(&a, c, block);
            float *const target = @row_block(&b, c, block);
            if (source != target) {
                memcpy(target, source, to->width * block * sizeof(float));
            }
        }
    }
}

