/* log(x) for positive normal x. */
static float @log(float x)
{
    union {
        float f;
        uint32_t u;
    } bits;
    float e, f, p;
    if (!(x > 0.0f && x < @@INFINITY)) {
        return x;
    }
    bits.f = x;
    e = (float)((int32_t)(bits.u >> 23) - 127);
    bits.u = (bits.u & 0x007fffffu) | 0x3f800000u;
    if (bits.f > 1.41421356f) {
        bits.f *= 0.5f;
        e += 1.0f;
    }
    f = bits.f - 1.0f;
    p = f1_fma(f, 7.0376836292e-2f, -1.1514610310e-1f);
    p = f1_fma(p, f, 1.1676998740e-1f);
    p = f1_fma(p, f, -1.2420140846e-1f);
    p = f1_fma(p, f, 1.4249322787e-1f);
    p = f1_fma(p, f, -1.6668057665e-1f);
    p = f1_fma(p, f, 2.0000714765e-1f);
    p = f1_fma(p, f, -2.4999993993e-1f);
    p = f1_fma(p, f, 3.3333331174e-1f);
    p = p * f * f * f;
    p = f1_fma(e, -2.12194440e-4f, p);
    p = f1_fma(-0.5f * f, f, p);
    return f1_fma(e, 0.693359375f, f + p);
}

static void @log_softmax(float *x, size_t n)
{
    float most = x[0], sum = 0.0f;
    size_t i;
    for (i = 1; i < n; i++) {
        most = x[i] > most ? x[i] : most;
    }
    for (i = 0; i < n; i++) {
        sum += @exp(x[i] - most);
    }
    sum = @log(sum);
    for (i = 0; i < n; i++) {
        x[i] = x[i] - most - sum;
    }
}

