/* A vector of n. */
static $T void @pass_vector_$I(const @pass *p, const float *weights, float *x, size_t n)
{
    size_t c;
    for (c = 0; c < n; c += 16) {
        const size_t used = n - c < 16 ? n - c : 16;
        float values[16] = {0.0f};
        memcpy(values, x + c, used * sizeof(float));
        @pass_block_$I(p, weights, values, 1, @block(n, c), c);
        memcpy(x + c, values, used * sizeof(float));
    }
}

