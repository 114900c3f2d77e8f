/* Any window, pixel by pixel. */
static $T void @depthwise_any_$I(const @depthwise_row *d, size_t block, float *out)
{
    const $F lo = $F_set(d->clamp.lo), hi = $F_set(d->clamp.hi);
    const size_t kw = d->window->kernel[1], stride = d->window->stride[1], dilation = d->window->dilation[1];
    const size_t pad = d->window->pad[1];
    size_t x, v, i, j;
    for (x = 0; x < d->width; x++, out += block) {
        for (v = 0; v < block; v += $L) {
            $F sum = $F_load(d->bias + v);
            for (i = 0; i < d->rows; i++) {
                for (j = 0; j < kw; j++) {
                    const size_t at = x * stride + j * dilation;
                    if (at >= pad && at - pad < d->in_width) {
                        sum = $F_fma($F_load(d->row[i] + (at - pad) * block + v),
                                     $F_load(d->weights + (i * kw + j) * block + v), sum);
                    }
                }
            }
%SUM%            $F_store(out + v, $F_clamp(sum, lo, hi));
        }
    }
}

