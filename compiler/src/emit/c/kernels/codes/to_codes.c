/* Numbers as codes. */
static void @quantise(const float *a, unsigned char *b, size_t n, float scale, int zero)
{
    size_t i;
    for (i = 0; i < n; i++) {
        b[i] = @quantised(a[i], scale, zero);
    }
}

