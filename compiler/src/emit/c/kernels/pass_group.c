/* Group q of a link's output. */
static $T void @pass_group_$I(const @link *s, const @image *image, size_t q)
{
    const @map *const m = image->out;
    const size_t pixels = @group_rows(m, q) * m->width;
    float *x = @group_at(m, image->arena, q);
    size_t c;
    for (c = 0; c < m->channels; c += 16) {
        const size_t block = @block(m->channels, c);
        @pass_block_$I(&@passes[s->pass], image->weights, x, pixels, block, c);
        x += pixels * block;
    }
}

