/* Group q of the output; *staged counts the input rows staged so far, border included. */
static $T void @stem_group_$I(const @stem *s, const @@INPUT_TYPE *input, float *arena, const float *weights, size_t q,
                             size_t *staged)
{
    const size_t rows = @group_rows(&s->output, q), n = s->output.channels, width = s->output.width;
    const float *lines[%KH%];
    float *const scratch = arena + s->scratch, *group = @group_at(&s->output, arena, q);
    size_t y, i, c;
    for (y = 0; y < rows; y++) {
        const size_t top = (q * s->output.group + y) * %SH%;
        const float *panel = weights + s->weights;
        float *block_rows = group;
        if (*staged < top) {
            *staged = top;
        }
        for (; *staged < top + %SPAN%; ++*staged) {
            @stem_stage(input, *staged, scratch + *staged % %SPAN% * %ROW%);
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

