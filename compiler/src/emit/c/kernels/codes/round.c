/* Of what lies within 255 of zero, half to even: the sum has no bits for fractions. */
static int32_t @rounded(float x)
{
    uint32_t bits;
    x += 12582912.0f;
    memcpy(&bits, &x, sizeof bits);
    return (int32_t)(bits - 0x4b400000u);
}

