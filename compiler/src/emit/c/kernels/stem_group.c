/* Group q of the first convolution's output. It reads the caller's input, whose rows are staged as floats with their border. */
static $T void @%NAME%_$I(const @link *s, @image *image, size_t q)
{
    const @map *const to = image->out;
    const size_t rows = @group_rows(to, q), n = to->channels, width = to->width;
    const float *lines[%KH%];
    float *const scratch = image->arena + %SCRATCH%, *group = @group_at(to, image->arena, q);
    size_t y, i, c;
    for (y = 0; y < rows; y++) {
        const size_t top = (q * to->group + y) * %SH%;
        const float *panel = image->weights + s->weights;
        float *block_rows = group;
        if (image->staged < top) {
            image->staged = top;
        }
        for (; image->staged < top + %SPAN%; ++image->staged) {
            @%NAME%_stage(image, image->staged, scratch + image->staged % %SPAN% * %ROW%);
        }
        for (i = 0; i < %KH%; i++) {
            lines[i] = scratch + (top + i * %DH%) % %SPAN% * %ROW%;
        }
        for (c = 0; c < n; c += 16) {
            const size_t block = @block(n, c);
            float *const out = block_rows + y * width * block;
            %PANEL%
            panel += (1 + %TAPS%) * block;
            block_rows += rows * width * block;
        }
    }
}

