/* %WHAT% under each window, whose part outside the map %BORDER%. */
static $T void @%NAME%_$I(const @link *s, const @image *image, size_t q)
{
    const @map *const in = image->in, *const out = image->out;
    const @window *const w = image->window;
    const $F lo = $F_set(s->clamp.lo), hi = $F_set(s->clamp.hi);
    const size_t rows = @group_rows(out, q);
    float *to = @group_at(out, image->arena, q);
    size_t c, y, x, v, i, j;
    for (c = 0; c < out->channels; c += 16) {
        const size_t block = @block(out->channels, c);
        for (y = 0; y < rows; y++) {
            for (x = 0; x < out->width; x++, to += block) {
                for (v = 0; v < block; v += $L) {
                    $F value = $F_set(%START%);
%COUNT%                    for (i = 0; i < w->kernel[0]; i++) {
                        const size_t down = (q * out->group + y) * w->stride[0] + i * w->dilation[0];
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
                            value = %TAKE%;
%COUNTED%                        }
                    }
%MEAN%%SUM%                    $F_store(to + v, $F_clamp(value, lo, hi));
                }
            }
        }
    }
}

