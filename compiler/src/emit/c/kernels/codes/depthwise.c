/* Group q of a depthwise convolution on codes: pixels whose window is inside the map in one go, others one by one. */
static $T void @codes_depthwise_$I(const @link *s, const @image *image, size_t q)
{
    const @map *const in = image->in, *const out = image->out;
    const @window *const w = image->window;
    const @codes *const k = &@codes_of[s->codes];
    const size_t kh = w->kernel[0], kw = w->kernel[1], taps = kh * kw, pairs = (taps + 1) / 2;
    const size_t stride = w->stride[1], dilation = w->dilation[1], pad = w->pad[1], reach = (kw - 1) * dilation;
    const size_t rows = @group_rows(out, q), width = out->width, columns = in->width, channels = in->channels;
    const size_t begin = (pad + stride - 1) / stride;
    const size_t most = columns + pad > reach ? (columns + pad - reach - 1) / stride + 1 : 0;
    const size_t end = most < width ? most : width;
    unsigned char *const group = @codes_at(out, image->arena, q), border[16];
    const unsigned char *at[%TAPS%];
    const unsigned char *line[%ROWS%];
    @codes_row lines[%ROWS%];
    size_t step[%ROWS%], y, c, x, i, j, count;
    memset(border, k->zero[0], sizeof border);
    for (y = 0; y < rows; y++) {
        int inside = 1;
        for (i = 0; i < kh; i++) {
            const size_t down = (q * out->group + y) * w->stride[0] + i * w->dilation[0] - w->pad[0]; /* huge above the map */
            lines[i].group = NULL;
            if (down < in->height) {
                lines[i] = @codes_row_at(in, image->arena, down);
            } else {
                inside = 0;
            }
        }
        for (c = 0; c < channels; c += 16) {
            const size_t block = @block(channels, c);
            const float *const panel = image->weights + s->weights + c / 16 * (32 + 8 * pairs * (1 + (size_t)k->extras));
            unsigned char *to = group + c * rows * width + y * width * block;
            for (i = 0; i < kh; i++) {
                line[i] = lines[i].group != NULL ? @codes_block(&lines[i], c, block) : border;
                step[i] = lines[i].group != NULL ? block : 0;
            }
            for (x = 0; x < width; x += count, to += count * block) {
                size_t across = x * stride - pad;
                count = inside && x >= begin && x < end ? end - x : 1;
                for (j = 0; j < kw; j++, across += dilation) {
                    for (i = 0; i < kh; i++) {
                        at[i * kw + j] = across < columns ? line[i] + across * step[i] : border;
                    }
                }
                if (taps % 2 != 0) {
                    at[taps] = at[0]; /* its weights are zero */
                }
                @window_$I(at, taps, stride * block, count, panel, k, to, block);
            }
        }
    }
}

