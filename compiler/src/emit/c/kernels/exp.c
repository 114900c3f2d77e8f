/* 2^n for -126 <= n <= 127. */
static float @power(int32_t n)
{
    const uint32_t bits = ((uint32_t)n + 127u) << 23;
    float power;
    memcpy(&power, &bits, sizeof power);
    return power;
}

/*
 * e^x to about 1e-7: n = round(x / ln 2), by adding 1.5 * 2^23; the rest by the Taylor
 * polynomial of degree 7. NaN stays NaN. A function of its own: inlined into a loop of known
 * length, gcc 12 at -O3 -ffast-math adds up other values than it stores.
 */
static @@NOINLINE float @exp(float x)
{
    float n, r, p;
    uint32_t bits;
    int32_t whole;
    x = x < -104.0f ? -104.0f : x;
    x = x > 89.0f ? 89.0f : x;
    n = x * 1.44269504f + 12582912.0f;
    memcpy(&bits, &n, sizeof bits);
    whole = x == x ? (int32_t)(bits - 0x4b400000u) : 0;
    n = (float)whole;
    r = x - n * 0.693359375f - n * -2.12194440e-4f;
    p = 1.0f / 5040.0f;
    p = p * r + 1.0f / 720.0f;
    p = p * r + 1.0f / 120.0f;
    p = p * r + 1.0f / 24.0f;
    p = p * r + 1.0f / 6.0f;
    p = p * r + 0.5f;
    p = p * r + 1.0f;
    p = p * r + 1.0f;
    /* 2^n in two halves, because it may itself lie outside the normal numbers. */
    return p * @power(whole / 2) * @power(whole - whole / 2);
}

