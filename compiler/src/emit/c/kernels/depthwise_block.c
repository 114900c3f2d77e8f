/* Rows y0 to y1 of a depthwise convolution, as [C/16][(y1 - y0) * width][16]. */
static $T void @depthwise_block_$I(const @map *in, const @window *w, const float *panel, @clamp clamp, size_t width,
                                  size_t y0, size_t y1, float *arena, float *out)
{
    @row rows[@@BLOCK_ROWS];
    @depthwise_row d;
    const size_t top = y0 * w->stride[0];
    const size_t bottom = (y1 - 1) * w->stride[0] + (w->kernel[0] - 1) * w->dilation[0] + 1;
    size_t y, c, i;
    for (y = top; y < bottom; y++) {
        if (y >= w->pad[0] && y - w->pad[0] < in->height) {
            rows[y - top] = @row_at(in, arena, y - w->pad[0]);
        }
    }
    d.width = width;
    d.in_width = in->width;
    d.window = w;
    d.clamp = clamp;
    for (c = 0; c < in->channels; c += 16) {
        const size_t block = @block(in->channels, c);
        d.bias = panel;
        for (y = y0; y < y1; y++) {
            d.rows = 0;
            d.weights = panel + block;
            for (i = 0; i < w->kernel[0]; i++) {
                const size_t at = y * w->stride[0] + i * w->dilation[0];
                if (at < w->pad[0]) {
                    d.weights += w->kernel[1] * block;
                } else if (at - w->pad[0] < in->height) {
                    d.row[d.rows++] = @row_block(&rows[at - top], c, block);
                }
            }
%DISPATCH%            out += width * block;
        }
        panel += (1 + w->kernel[0] * w->kernel[1]) * block;
    }
}

