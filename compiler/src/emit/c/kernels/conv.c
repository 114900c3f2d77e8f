/* Any convolution over a map, pixel by pixel; the border is zero. */
static $T void @conv_pixel_$I(const @link *s, const @image *image, const float *panel, size_t block, size_t y, size_t x,
                             float *out)
{
    const @map *const in = image->in;
    const @window *const w = image->window;
    const $F lo = $F_set(s->clamp.lo), hi = $F_set(s->clamp.hi);
    size_t v, i, j, c;
    for (v = 0; v < block; v += $L) {
        $F sum = $F_load(panel + v);
        for (i = 0; i < w->kernel[0]; i++) {
            const size_t down = y * w->stride[0] + i * w->dilation[0];
            @row row;
            if (down < w->pad[0] || down - w->pad[0] >= in->height) {
                continue;
            }
            row = @row_at(in, image->arena, down - w->pad[0]);
            for (j = 0; j < w->kernel[1]; j++) {
                const size_t across = x * w->stride[1] + j * w->dilation[1];
                const float *const b = panel + (1 + (i * w->kernel[1] + j) * in->channels) * block + v;
                if (across < w->pad[1] || across - w->pad[1] >= in->width) {
                    continue;
                }
                for (c = 0; c < in->channels; c++) {
                    const size_t width = @block(in->channels, c / 16 * 16);
                    const float *a = @row_block(&row, c, width);
                    sum = $F_fma($F_splat(a + (across - w->pad[1]) * width + c % 16), $F_load(b + c * block), sum);
                }
            }
        }
%SUM%        $F_store(out + v, $F_clamp(sum, lo, hi));
    }
}

