/* The mean of a whole map. */
static void @codes_mean(const @link *s, const @image *image)
{
    const @map *const m = image->in;
    const @codes *const k = &@codes_of[s->codes];
    const float scale = k->scale[0] / (k->scale[2] * (float)(m->height * m->width));
    unsigned char *to = @codes_at(image->out, image->arena, 0);
    size_t c, q, i, v;
    for (c = 0; c < m->channels; c += 16) {
        const size_t block = @block(m->channels, c);
        int32_t sums[16] = {0};
        for (q = 0; q < @groups(m); q++) {
            const size_t pixels = @group_rows(m, q) * m->width;
            const unsigned char *from = @codes_at(m, image->arena, q) + c * pixels;
            for (i = 0; i < pixels; i++, from += block) {
                for (v = 0; v < block; v++) {
                    sums[v] += from[v] - k->zero[0];
                }
            }
        }
        for (v = 0; v < block; v++) {
            *to++ = @code((float)sums[v] * scale, k);
        }
    }
}

