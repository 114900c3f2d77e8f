/* Panel i of a layer with so many quads. */
static @columns @columns_$I(const @link *s, const @image *image, size_t i, size_t quads)
{
    const size_t extras = @codes_of[s->codes].extras;
    const float *const head = image->weights + s->weights + i * (%HEAD% + 16 * (quads + extras) + (extras + 31) / 32 * 16);
    @columns panel;
    panel.bias = (const int32_t *)(const void *)(head + %BIAS%);
    panel.multipliers = head + %MULTIPLIERS%;
    panel.quads = (const uint32_t *)(const void *)(head + %HEAD%);
%EXTRA%    return panel;
}

