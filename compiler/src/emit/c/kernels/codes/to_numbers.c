/* A map of codes as one of numbers, in the same groups. */
static void @numbers(const @map *from, const @map *to, float scale, int zero, float *arena)
{
    size_t q, i;
    for (q = 0; q < @groups(from); q++) {
        const size_t n = @group_rows(from, q) * from->width * @padded(from->channels);
        const unsigned char *const a = @codes_at(from, arena, q);
        float *const b = @group_at(to, arena, q);
        for (i = 0; i < n; i++) {
            b[i] = (float)(a[i] - zero) * scale;
        }
    }
}

