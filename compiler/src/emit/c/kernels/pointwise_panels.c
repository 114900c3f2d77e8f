/* out [N/16][pixels][16] = clamp(bias + weights a); then is for processors that fetch ahead. */
static void @pointwise_block_$I(const float *a, size_t pixels, size_t k, const float *panel, size_t n, @clamp clamp,
                               %SUM%const float *then, float *out)
{
    @gemm g;
    size_t c;
    (void)then;
    g.a = a;
    g.k = k;
    g.pixels = pixels;
    g.clamp = clamp;
%SET%    for (c = 0; c < n; c += 16) {
        const size_t width = @block(n, c);
        %PANEL%
        panel += (1 + k) * width;
        out += pixels * width;
    }
}

