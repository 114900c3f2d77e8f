/* A pointwise convolution of one pixel. */
static void @dense_$I(const @dense *s, const float *a, const float *weights, %PADDING%float *out)
{
    const float *panel = weights + s->weights;
    const size_t whole = %WHOLE%;
    @pointwise_block_$I(a, 1, s->k, panel, whole, s->clamp, %SUM%panel, out);
    if (whole < s->n) {
        float last[16];
        panel += (1 + s->k) * whole;
        @pointwise_block_$I(a, 1, s->k, panel, s->n - whole, s->clamp, %SUM%panel, last);
        memcpy(out + whole, last, (s->n - whole) * sizeof(float));
    }
}

