/* Where the %WHICH% largest of n values is, stride apart. */
static int64_t @argmax%SUFFIX%(const float *x, size_t n, size_t stride)
{
    size_t i, best = 0;
    for (i = 1; i < n; i++) {
        if (x[i * stride] %ABOVE% x[best * stride]) {
            best = i;
        }
    }
    return (int64_t)best;
}

