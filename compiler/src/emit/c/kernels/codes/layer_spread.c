/* Pixels of a layer's output, from the first on in a group of so many. */
static void @layer_$I(const @link *s, const @image *image, const @field *f, size_t quads, size_t pixels, size_t first, size_t all,
                      unsigned char *group)
{
    const @codes *const k = &@codes_of[s->codes];
    const size_t n = image->out->channels;
    %CODES%;
    int32_t sums[16 * %PIXELS%];
    size_t c, m;
    for (m = 0; m < pixels; m += %PIXELS%) {
        const size_t count = pixels - m < %PIXELS% ? pixels - m : %PIXELS%;
        %SPREAD%;
        for (c = 0; c < n; c += 16) {
            const size_t block = @block(n, c);
            const @columns panel = @columns_$I(s, image, c / 16, quads);
%DECLARE%            @dot_$I(codes, quads, panel.quads, block, panel.bias, 0, sums);
%EXTRA%            @store_$I(sums, count, panel.multipliers, k, group + c * all + (first + m) * block, block);
        }
    }
}

