static $T void @depthwise_$I(const @single *s, float *arena, const float *weights)
{
    size_t q;
    for (q = 0; q < @groups(&s->output); q++) {
        const size_t y = q * s->output.group;
        @depthwise_block_$I(&s->input, &s->window, weights + s->weights, s->clamp, s->output.width, y,
                           y + @group_rows(&s->output, q), arena, @group_at(&s->output, arena, q));
    }
}

