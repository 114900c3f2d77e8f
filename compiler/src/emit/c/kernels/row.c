/* Row y of a map: its group, the distance between blocks of channels there, and the pixels in front of it in a block. */
typedef struct {
    float *group;
    size_t block, pixels;
} @row;

static @row @row_at(const @map *m, float *arena, size_t y)
{
    const size_t q = y < m->group ? 0 : y / m->group;
    @row row;
    row.group = @group_at(m, arena, q);
    row.block = @group_rows(m, q) * m->width * 16;
    row.pixels = (y - q * m->group) * m->width;
    return row;
}

/* The row's pixels in the block of channels from c on. */
static float *@row_block(const @row *row, size_t c, size_t block)
{
    return row->group + c / 16 * row->block + row->pixels * block;
}

