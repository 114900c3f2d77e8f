/* Group q of a pointwise convolution on codes. */
static $T void @codes_pointwise_$I(const @link *s, const @image *image, size_t q)
{
    const @map *const in = image->in, *const out = image->out;
    const size_t pixels = @group_rows(out, q) * out->width;
    const unsigned char *at[%BLOCKS%];
    @field f;
    @blocks(&f, at, @codes_at(in, image->arena, q), pixels * 16, in->channels, 0, 1);
    @layer_$I(s, image, &f, @padded(in->channels) / 4, pixels, 0, pixels, @codes_at(out, image->arena, q));
}

