/* The number that IEEE binary16 bits stand for. */
static float @%NAME%(uint16_t half)
{
    const uint32_t sign = (uint32_t)(half & 0x8000u) << 16;
    const uint32_t exponent = (uint32_t)half >> 10 & 31u;
    const uint32_t fraction = half & 1023u;
    uint32_t bits;
    float value;
    if (exponent == 0) {
        value = (float)fraction * 5.9604644775390625e-8f;
        return sign != 0 ? -value : value;
    }
    bits = sign | (exponent == 31 ? 255u : exponent + 112u) << 23 | fraction << 13;
    memcpy(&value, &bits, sizeof value);
    return value;
}

