/* out [N/16][pixels][16] = clamp(bias + weights a); then is what will be read next. */
static $T void @pointwise_block_$I(const float *a, size_t pixels, size_t k, const float *panel, size_t n, @clamp clamp,
                                  %SUM%const float *then, float *out)
{
    @gemm g;
    size_t c = 0;
    g.a = a;
    g.tail = a + k / 16 * pixels * 16;
    g.k = k;
    g.stride = pixels * 16;
    g.pixels = pixels;
    g.clamp = clamp;
%SET%%PANELS%}

