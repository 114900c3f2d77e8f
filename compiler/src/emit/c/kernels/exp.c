#if defined(__FAST_MATH__)
#error "softmax rounds by adding and subtracting, which -ffast-math deletes: compile this file without it"
#endif

/* 2^n for -126 <= n <= 127. */
static float @power(int32_t n)
{
    union {
        uint32_t bits;
        float value;
    } power;
    power.bits = ((uint32_t)n + 127u) << 23;
    return power.value;
}

/*
 * e^x to about 1e-7: n = round(x / ln 2), by adding and subtracting 1.5 * 2^23; the rest by the Taylor polynomial of
 * degree 7. NaN stays NaN.
 */
static float @exp(float x)
{
    union {
        float value;
        uint32_t bits;
    } rounded;
    float n, r, p;
    int32_t whole;
    x = x < -104.0f ? -104.0f : x;
    x = x > 89.0f ? 89.0f : x;
    rounded.value = x * 1.44269504f + 12582912.0f;
    n = rounded.value - 12582912.0f;
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
    whole = x == x ? (int32_t)(rounded.bits - 0x4b400000u) : 0;
    return p * @power(whole / 2) * @power(whole - whole / 2);
}

