/*
 * A feature map in the arena: groups of rows; inside a group of r rows the channels are blocked by 16, the last block
 * being 8 wide when at most 8 channels remain: [C/16][r * width][16]. Group q lies in slot q % ring.
 * All offsets count floats, from the arena's start or from the weights' start.
 */
typedef struct {
    size_t offset, height, width, channels, group, ring;
} @map;

/* height, width; the far border follows from the output's size */
typedef struct {
    size_t kernel[2], stride[2], dilation[2], pad[2];
    int tiled; /* for the tiles of its width: the middle of each window is inside the map */
} @window;

typedef struct {
    float lo, hi;
} @clamp;

static size_t @padded(size_t channels)
{
    return (channels + 7) / 8 * 8;
}

static @@NOINLINE size_t @groups(const @map *m)
{
    return (m->height + m->group - 1) / m->group;
}

static size_t @group_rows(const @map *m, size_t q)
{
    const size_t left = m->height - q * m->group;
    return left < m->group ? left : m->group;
}

static float *@group_at(const @map *m, float *arena, size_t q)
{
    return arena + m->offset + q % m->ring * (m->group * m->width * @padded(m->channels));
}

/* Channels of block c (counted in channels): 16, or 8 when at most 8 remain. */
static size_t @block(size_t channels, size_t c)
{
    return channels - c > 8 ? 16 : 8;
}

