/* exp(x) for x <= 0: 2^n times a polynomial in the rest. */
static float @exp(float x)
{
    union {
        float f;
        uint32_t u;
    } power;
    float n, r, p;
    if (!(x > -87.0f)) {
        return x <= -87.0f ? 0.0f : x;
    }
    n = (float)(int32_t)(x * 1.44269504f - 0.5f);
    r = f1_fma(n, -0.693359375f, x);
    r = f1_fma(n, 2.12194440e-4f, r);
    p = f1_fma(r, 1.9875691500e-4f, 1.3981999507e-3f);
    p = f1_fma(p, r, 8.3334519073e-3f);
    p = f1_fma(p, r, 4.1665795894e-2f);
    p = f1_fma(p, r, 1.6666665459e-1f);
    p = f1_fma(p, r, 5.0000001201e-1f);
    p = f1_fma(p, r * r, r + 1.0f);
    power.u = (uint32_t)((int32_t)n + 127) << 23;
    return p * power.f;
}

