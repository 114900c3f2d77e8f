/* Of what lies within 255 of zero, half to even: the sum has no bits for fractions. */
static int32_t @rounded(float x)
{
    uint32_t bits;
    x += 12582912.0f;
    memcpy(&bits, &x, sizeof bits);
    return (int32_t)(bits - 0x4b400000u);
}

/* The first number, if so, else the second. Of a choice that is a jump, gcc makes no vectors. */
static float @picked(int first, float a, float b)
{
#if defined(__arm__)
    return first ? a : b;
#else
    uint32_t x, y;
    memcpy(&x, &a, sizeof x);
    memcpy(&y, &b, sizeof y);
    x = y ^ ((x ^ y) & (0u - (uint32_t)first));
    memcpy(&a, &x, sizeof a);
    return a;
#endif
}

