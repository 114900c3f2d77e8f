/* The largest code under each window; the border never wins. */
static void @codes_max_pool(const @image *image, size_t q)
{
    const @map *const in = image->in, *const out = image->out;
    const @window *const w = image->window;
    const size_t rows = @group_rows(out, q);
    unsigned char *to = @codes_at(out, image->arena, q);
    size_t c, y, x, v, i, j;
    for (c = 0; c < out->channels; c += 16) {
        const size_t block = @block(out->channels, c);
        for (y = 0; y < rows; y++) {
            for (x = 0; x < out->width; x++, to += block) {
                memset(to, 0, block);
                for (i = 0; i < w->kernel[0]; i++) {
                    const size_t down = (q * out->group + y) * w->stride[0] + i * w->dilation[0] - w->pad[0]; /* huge above the map */
                    @codes_row row;
                    if (down >= in->height) {
                        continue;
                    }
                    row = @codes_row_at(in, image->arena, down);
                    for (j = 0; j < w->kernel[1]; j++) {
                        const size_t across = x * w->stride[1] + j * w->dilation[1] - w->pad[1];
                        const unsigned char *const from = @codes_block(&row, c, block) + across * block;
                        for (v = 0; across < in->width && v < block; v++) {
                            to[v] = from[v] > to[v] ? from[v] : to[v];
                        }
                    }
                }
            }
        }
    }
}

