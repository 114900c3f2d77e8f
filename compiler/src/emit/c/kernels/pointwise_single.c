static $T void @pointwise_$I(const @single *s, float *arena, const float *weights)
{
    size_t q;
    for (q = 0; q < @groups(&s->output); q++) {
        @pointwise_block_$I(@group_at(&s->input, arena, q), @group_rows(&s->output, q) * s->output.width,
                           s->input.channels, weights + s->weights, s->output.channels, s->clamp,
                           weights + s->weights, @group_at(&s->output, arena, q));
    }
}

