/* A map of numbers as one of codes, in the same groups. */
static void @quantise(const @map *from, const @map *to, float scale, int zero, float *arena)
{
    size_t q, i;
    for (q = 0; q < @groups(from); q++) {
        const size_t n = @group_rows(from, q) * from->width * @padded(from->channels);
        const float *const a = @group_at(from, arena, q);
        unsigned char *const b = @codes_at(to, arena, q);
        for (i = 0; i < n; i++) {
            b[i] = @quantised(a[i], scale, zero);
        }
    }
}

