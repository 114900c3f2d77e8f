/* Depthwise into a block of rows, pointwise over it: group q of the output. */
static $T void @separable_group_$I(const @separable *s, float *arena, const float *weights, size_t q)
{
    const size_t rows = @group_rows(&s->output, q), y = q * s->output.group;
    const float *const panels = weights + s->pointwise;
    const size_t again = q + 1 < @groups(&s->output) ? 0 : (1 + s->input.channels) * @padded(s->output.channels);
    @depthwise_block_$I(&s->input, &s->window, weights + s->depthwise, s->depthwise_clamp, s->output.width, y, y + rows,
                       arena, arena + s->scratch);
    @pointwise_block_$I(arena + s->scratch, rows * s->output.width, s->input.channels, panels,
                       s->output.channels, s->clamp, panels + again, @group_at(&s->output, arena, q));
}

