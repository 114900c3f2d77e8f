/* The square root, of a first guess by the exponent and steps of Newton's method. */
static float @root(float x)
{
    uint32_t bits;
    float y;
    int i;
    if (!(x > 0.0f)) {
        return x;
    }
    memcpy(&bits, &x, sizeof bits);
    bits = (bits >> 1) + 0x1fbd1df5u;
    memcpy(&y, &bits, sizeof y);
    for (i = 0; i < 4; i++) {
        y = 0.5f * (y + x / y);
    }
    return y;
}

