static $T void @separable_$I(const @separable *s, float *arena, const float *weights)
{
    size_t q;
    for (q = 0; q < @groups(&s->output); q++) {
        @separable_group_$I(s, arena, weights, q);
    }
}

