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
            $F s0 = $F_set(0.0f), s1 = s0, s2 = s0, s3 = s0;
            for (q = 0; q < @groups(m); q++) {
                const size_t pixels = @group_rows(m, q) * m->width;
                const float *p = @group_at(m, arena, q) + c * pixels + v;
                for (i = 0; i + 4 <= pixels; i += 4, p += 4 * block) {
                    s0 = $F_add(s0, $F_load(p));
                    s1 = $F_add(s1, $F_load(p + block));
                    s2 = $F_add(s2, $F_load(p + 2 * block));
                    s3 = $F_add(s3, $F_load(p + 3 * block));
                }
                for (; i < pixels; i++, p += block) {
                    s0 = $F_add(s0, $F_load(p));
                }
            }
            s0 = $F_add($F_add(s0, s1), $F_add(s2, s3));
            $F_store(mean + v, $F_mul(s0, $F_set(scale)));
        }
        for (v = used; v < block; v++) {
            mean[v] = 0.0f;
        }
        v = padding ? block : used;
        memcpy(out + c, mean, v * sizeof(float));
    }
}

