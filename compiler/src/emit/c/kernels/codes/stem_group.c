/* Group q of the first convolution's output, on codes. It reads the caller's input, whose rows are staged with their border. */
static $T void @%NAME%_$I(const @link *s, @image *image, size_t q)
{
    const @map *const to = image->out;
    const size_t rows = @group_rows(to, q);
    const unsigned char *at[%RUNS%];
    unsigned char *const scratch = (unsigned char *)image->arena + %SCRATCH%;
    size_t y, i;
    @field f;
    f.wide.at = at;
    f.wide.count = %RUNS%;
    f.wide.quads = %QUADS%;
    f.wide.step = %STEP%;
    f.narrow = f.wide;
    f.narrow.count = 0;
    f.first = 0;
    for (y = 0; y < rows; y++) {
        const size_t top = (q * to->group + y) * %SH%;
        if (image->staged < top) {
            image->staged = top;
        }
        for (; image->staged < top + %SPAN%; ++image->staged) {
            @%NAME%_stage(image, image->staged, scratch + image->staged % %SPAN% * %ROW%);
        }
        for (i = 0; i < %RUNS%; i++) {
            at[i] = scratch + (top + %DOWN%) % %SPAN% * %ROW%%ACROSS%;
        }
        @layer_$I(s, image, &f, %QUADS% * %RUNS%, to->width, y * to->width, rows * to->width, @codes_at(to, image->arena, q));
    }
}

