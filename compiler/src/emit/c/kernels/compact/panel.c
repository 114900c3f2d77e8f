static void @panel_$I(const @gemm *g, size_t width, size_t pixels, const float *panel, float *out)
{
    size_t column, m;
    for (column = 0; column < width; column += 4) {
        for (m = 0; m + 4 <= pixels; m += 4) {
            @pointwise4_$I(g, m, width, panel + column, out + m * width + column);
        }
        for (; m < pixels; m++) {
            @pointwise1_$I(g, m, width, panel + column, out + m * width + column);
        }
    }
}

