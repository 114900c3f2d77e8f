/* The natural logarithm of a normal x >= 1: a first guess, then two steps of Halley's method on e^y = x. */
static float @log(float x)
{
    float exponent, mantissa, y;
    uint32_t bits;
    int i;
    memcpy(&bits, &x, sizeof bits);
    exponent = (float)((int32_t)(bits >> 23) - 127);
    bits = (bits & 0x007fffffu) | 0x3f800000u;
    memcpy(&mantissa, &bits, sizeof mantissa);
    y = (exponent + (mantissa - 1.0f)) * 0.693147182f;
    for (i = 0; i < 2; i++) {
        const float e = @exp(y);
        y += 2.0f * (x - e) / (x + e);
    }
    return y;
}

