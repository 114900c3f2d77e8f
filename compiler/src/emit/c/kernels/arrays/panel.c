static void @panel%W%_$I(const @gemm *g, size_t pixels, const float *panel, float *out)
{
    size_t m;
    for (m = 0; m + 3 <= pixels; m += 3) {
        @pointwise3x%W%_$I(g, m, panel, out + m * %W%);
    }
    for (; m < pixels; m++) {
        @pointwise1x%W%_$I(g, m, panel, out + m * %W%);
    }
}

