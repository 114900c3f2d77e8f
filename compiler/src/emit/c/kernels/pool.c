/* The mean of each channel; with padding, lanes beyond the last channel follow as zeros. */
static $T void @pool_$I(const @map *m, float *arena, int padding, float *out)
{
    const float scale = 1.0f / (float)(m->height * m->width);
    size_t c, v, q, i;
    for (c = 0; c < m->channels; c += 16) {
        const size_t block = @block(m->channels, c);
        const size_t used = m->channels - c < block ? m->channels - c : block;
        float mean[16];
        for (v = 0; v < block; v += $L) {
            $F even = $F_set(0.0f), odd = $F_set(0.0f);
            for (q = 0; q < @groups(m); q++) {
                const size_t pixels = @group_rows(m, q) * m->width;
                const float *p = @group_at(m, arena, q) + c * pixels + v;
                for (i = 0; i + 1 < pixels; i += 2, p += 2 * block) {
                    even = $F_add(even, $F_load(p));
                    odd = $F_add(odd, $F_load(p + block));
                }
                if (i < pixels) {
                    even = $F_add(even, $F_load(p));
                }
            }
            $F_store(mean + v, $F_mul($F_add(even, odd), $F_set(scale)));
        }
        for (v = used; v < block; v++) {
            mean[v] = 0.0f;
        }
        v = padding ? block : used;
        memcpy(out + c, mean, v * sizeof(float));
    }
}

