/* Any convolution over a map, pixel by pixel; the border is zero. */
static $T void @conv_pixel_$I(const @single *s, float *arena, const float *panel, size_t block, size_t y, size_t x,
                             float *out)
{
    const @window *w = &s->window;
    const $F lo = $F_set(s->clamp.lo), hi = $F_set(s->clamp.hi);
    size_t v, i, j, c;
    for (v = 0; v < block; v += $L) {
        $F sum = $F_load(panel + v);
        for (i = 0; i < w->kernel[0]; i++) {
            const size_t down = y * w->stride[0] + i * w->dilation[0];
            @row row;
            if (down < w->pad[0] || down - w->pad[0] >= s->input.height) {
                continue;
            }
            row = @row_at(&s->input, arena, down - w->pad[0]);
            for (j = 0; j < w->kernel[1]; j++) {
                const size_t across = x * w->stride[1] + j * w->dilation[1];
                const float *b = panel + (1 + (i * w->kernel[1] + j) * s->input.channels) * block + v;
                if (across < w->pad[1] || across - w->pad[1] >= s->input.width) {
                    continue;
                }
                for (c = 0; c < s->input.channels; c++, b += block) {
                    const size_t width = @block(s->input.channels, c / 16 * 16);
                    const float *a = @row_block(&row, c, width);
                    sum = $F_fma($F_splat(a + (across - w->pad[1]) * width + c % 16), $F_load(b), sum);
                }
            }
        }
        $F_store(out + v, $F_clamp(sum, lo, hi));
    }
}

static $T void @conv_$I(const @single *s, float *arena, const float *weights)
{
    const size_t taps = s->window.kernel[0] * s->window.kernel[1] * s->input.channels;
    size_t q, c, y, x;
    for (q = 0; q < @groups(&s->output); q++) {
        const size_t rows = @group_rows(&s->output, q);
        const float *panel = weights + s->weights;
        float *out = @group_at(&s->output, arena, q);
        for (c = 0; c < s->output.channels; c += 16) {
            const size_t block = @block(s->output.channels, c);
            for (y = 0; y < rows; y++) {
                for (x = 0; x < s->output.width; x++, out += block) {
                    @conv_pixel_$I(s, arena, panel, block, q * s->output.group + y, x, out);
                }
            }
            panel += (1 + taps) * block;
        }
    }
}

