/* Group q of a depthwise convolution, a few rows of all channels at a time. */
static $T void @depthwise_$I(const @link *s, const @image *image, size_t q)
{
    const @map *const in = image->in, *const to = image->out;
    const @window *const w = image->window;
    const size_t width = to->width, y0 = q * to->group, y1 = y0 + @group_rows(to, q);
    const float *const panels = image->weights + s->weights;
    float *const result = @group_at(to, image->arena, q);
    @row rows[@@CHUNK][@@KERNEL_ROWS];
    @depthwise_row d;
    size_t first, y, c, i;
    d.width = width;
    d.in_width = in->width;
    d.window = w;
    d.clamp = s->clamp;
%SUM%    for (first = y0; first < y1; first += @@CHUNK) {
        const size_t end = first + @@CHUNK < y1 ? first + @@CHUNK : y1;
        const float *panel = panels;
        float *plane = result;
        for (y = first; y < end; y++) {
            for (i = 0; i < w->kernel[0]; i++) {
                const size_t at = y * w->stride[0] + i * w->dilation[0] - w->pad[0]; /* huge above the map */
                if (at < in->height) {
                    rows[y - first][i] = @row_at(in, image->arena, at);
                } else {
                    rows[y - first][i].group = NULL;
                }
            }
        }
        for (c = 0; c < in->channels; c += 16) {
            const size_t block = @block(in->channels, c);
            float *out = plane + (first - y0) * width * block;
            d.bias = panel;
            for (y = first; y < end; y++, out += width * block) {
                d.rows = 0;
                d.weights = panel + block;
                for (i = 0; i < w->kernel[0]; i++) {
                    if (rows[y - first][i].group != NULL) {
                        d.row[d.rows++] = @row_block(&rows[y - first][i], c, block);
                    } else if (d.rows == 0) {
                        d.weights += w->kernel[1] * block;
                    }
                }
%DISPATCH%            }
            panel += (1 + w->kernel[0] * w->kernel[1]) * block;
            plane += (y1 - y0) * width * block;
        }
    }
}

