static $T void @%NAME%_$I(const @link *s, const @image *image, size_t q)
{
    const @map *const out = image->out;
    const @window *const w = image->window;
    const size_t taps = w->kernel[0] * w->kernel[1] * (image->in->channels%GROUPS%);
    const size_t rows = @group_rows(out, q);
    const float *panel = image->weights + s->weights;
    float *to = @group_at(out, image->arena, q);
    size_t c, y, x;
    for (c = 0; c < out->channels; c += 16) {
        const size_t block = @block(out->channels, c);
        for (y = 0; y < rows; y++) {
            for (x = 0; x < out->width; x++, to += block) {
%PIXEL%            }
        }
        panel += (1 + taps) * block;
    }
}

