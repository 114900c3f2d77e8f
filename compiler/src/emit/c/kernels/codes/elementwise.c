/* Group q of a map of codes %WHAT%. */
static void @codes_elementwise(const @link *s, const @image *image, size_t q)
{
    const @map *const in = image->in, *const out = image->out;
    const @codes *const k = &@codes_of[s->codes];
    const size_t first = q * out->group, end = first + @group_rows(out, q);
    size_t y, c, i;
    for (y = first; y < end; y++) {
        const @codes_row from = @codes_row_at(in, image->arena, y), to = @codes_row_at(out, image->arena, y);
        for (c = 0; c < out->channels; c += 16) {
            const size_t block = @block(out->channels, c), n = out->width * block;
            const unsigned char *const a = @codes_block(&from, c, block);
            unsigned char *const b = @codes_block(&to, c, block);
%BODY%        }
    }
}

