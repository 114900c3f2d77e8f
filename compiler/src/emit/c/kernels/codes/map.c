/* As @group_at, of a map of codes, whose offset counts bytes. */
static unsigned char *@codes_at(const @map *m, float *arena, size_t q)
{
    return (unsigned char *)arena + m->offset + q % m->ring * (m->group * m->width * @padded(m->channels));
}

/* As @row_at and @row_block, of a map of codes. */
typedef struct {
    unsigned char *group;
    size_t block, pixels;
} @codes_row;

static @codes_row @codes_row_at(const @map *m, float *arena, size_t y)
{
    const size_t q = y < m->group ? 0 : y / m->group;
    @codes_row row;
    row.group = @codes_at(m, arena, q);
    row.block = @group_rows(m, q) * m->width * 16;
    row.pixels = (y - q * m->group) * m->width;
    return row;
}

static unsigned char *@codes_block(const @codes_row *row, size_t c, size_t block)
{
    return row->group + c / 16 * row->block + row->pixels * block;
}

