/* A convolution of groups of channels: output channel n, pixel by pixel; the border is zero. */
static float @conv_channel(const @link *s, const @image *image, const float *panel, size_t block, size_t y, size_t x, size_t n)
{
    const @map *const in = image->in;
    const @window *const w = image->window;
    const size_t each = in->channels / s->groups, first = n / (image->out->channels / s->groups) * each;
    float sum = panel[n % 16];
    size_t i, j, k;
    for (i = 0; i < w->kernel[0]; i++) {
        const size_t down = y * w->stride[0] + i * w->dilation[0];
        @row row;
        if (down < w->pad[0] || down - w->pad[0] >= in->height) {
            continue;
        }
        row = @row_at(in, image->arena, down - w->pad[0]);
        for (j = 0; j < w->kernel[1]; j++) {
            const size_t across = x * w->stride[1] + j * w->dilation[1];
            if (across < w->pad[1] || across - w->pad[1] >= in->width) {
                continue;
            }
            for (k = 0; k < each; k++) {
                const size_t c = first + k, width = @block(in->channels, c / 16 * 16);
                const float *const a = @row_block(&row, c, width) + (across - w->pad[1]) * width + c % 16;
                sum += *a * panel[(1 + (i * w->kernel[1] + j) * each + k) * block + n % 16];
            }
        }
    }
    return sum;
}

