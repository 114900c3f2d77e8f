/* Groups first to end of a map, added to the sums of its channels%PARTS%; with padding, lanes beyond the last channel follow as zeros. */
static %APART%$T void @mean_$I(const @image *image, size_t first, size_t end)
{
    const @map *const m = image->in;
    const float scale = 1.0f / (float)(m->height * m->width);
    float *const out = image->means;
    size_t c, v, q, i;
    for (c = 0; c < m->channels; c += 16) {
        const size_t block = @block(m->channels, c);
        const size_t used = m->channels - c < block ? m->channels - c : block;
        float mean[16];
%EARLIER%        for (v = 0; v < block; v += $L) {
            $F s0 = $F_set(0.0f), s1 = s0, s2 = s0, s3 = s0;
            for (q = first; q < end; q++) {
                const size_t pixels = @group_rows(m, q) * m->width;
                const float *p = @group_at(m, image->arena, q) + c * pixels + v;
                for (i = 0; i + 4 <= pixels; i += 4) {
                    s0 = $F_add(s0, $F_load(p + i * block));
                    s1 = $F_add(s1, $F_load(p + (i + 1) * block));
                    s2 = $F_add(s2, $F_load(p + (i + 2) * block));
                    s3 = $F_add(s3, $F_load(p + (i + 3) * block));
                }
                for (; i < pixels; i++) {
                    s0 = $F_add(s0, $F_load(p + i * block));
                }
            }
            s0 = $F_add($F_add(s0, s1), $F_add(s2, s3));
%STORE%        }
        for (v = used; v < block; v++) {
            mean[v] = 0.0f;
        }
        v = image->padding ? block : used;
        memcpy(out + c, mean, v * sizeof(float));
    }
}

