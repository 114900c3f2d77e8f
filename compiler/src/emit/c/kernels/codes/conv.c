/* Group q of a convolution on codes, pixel by pixel; the border holds the zero point. */
static $T void @codes_conv_$I(const @link *s, const @image *image, size_t q)
{
    const @map *const in = image->in, *const out = image->out;
    const @window *const w = image->window;
    const @codes *const k = &@codes_of[s->codes];
    const size_t taps = w->kernel[0] * w->kernel[1], quads = @padded(in->channels) / 4, rows = @group_rows(out, q);
    const unsigned char *at[%BLOCKS%];
    unsigned char *to = @codes_at(out, image->arena, q), border[16];
    int32_t sums[16];
    size_t c, y, x, i, j;
    @field f;
    memset(border, k->zero[0], sizeof border);
    for (c = 0; c < out->channels; c += 16) {
        const size_t block = @block(out->channels, c);
        const @columns panel = @columns_$I(s, image, c / 16, taps * quads);
        for (y = 0; y < rows; y++) {
            for (x = 0; x < out->width; x++, to += block) {
                const int32_t *start = panel.bias;
                for (i = 0; i < w->kernel[0]; i++) {
                    const size_t down = (q * out->group + y) * w->stride[0] + i * w->dilation[0] - w->pad[0]; /* huge above the map */
                    @codes_row row;
                    row.group = NULL;
                    if (down < in->height) {
                        row = @codes_row_at(in, image->arena, down);
                    }
                    for (j = 0; j < w->kernel[1]; j++, start = sums) {
                        const size_t across = x * w->stride[1] + j * w->dilation[1] - w->pad[1];
                        if (row.group != NULL && across < in->width) {
                            @blocks(&f, at, row.group, row.block, in->channels, row.pixels + across, 0);
                        } else {
                            @blocks(&f, at, border, 0, in->channels, 0, 0);
                        }
                        f.first = (i * w->kernel[1] + j) * quads;
                        @sums_$I(&f, 0, 1, &panel, block, start, 0, sums);
                    }
                }
                @store_$I(sums, 1, panel.multipliers, k, to, block);
            }
        }
    }
}

