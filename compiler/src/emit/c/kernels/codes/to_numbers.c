/* Codes as numbers. */
static void @numbers(const unsigned char *a, float *b, size_t n, float scale, int zero)
{
    size_t i;
    for (i = 0; i < n; i++) {
        b[i] = (float)(a[i] - zero) * scale;
    }
}

