static $T void @stem_$I(const @stem *s, const @@INPUT_TYPE *input, float *arena, const float *weights)
{
    size_t q, staged = 0;
    for (q = 0; q < @groups(&s->output); q++) {
        @stem_group_$I(s, input, arena, weights, q, &staged);
    }
}

