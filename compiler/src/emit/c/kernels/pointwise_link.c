/* Reads group q of its input. */
static $T void @pointwise_$I(const @link *s, const @image *image, size_t q)
{
    const @map *const in = image->in, *const out = image->out;
    const float *const panels = image->weights + s->weights;
    const size_t again = q + 1 < @groups(out) ? 0 : (1 + in->channels) * @padded(out->channels);
    @pointwise_block_$I(@group_at(in, image->arena, q), @group_rows(out, q) * out->width, in->channels, panels,
                       out->channels, s->clamp, %SUM%panels + again, @group_at(out, image->arena, q));
}

