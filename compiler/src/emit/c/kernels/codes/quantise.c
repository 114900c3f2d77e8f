/* The code of a number. */
static unsigned char @quantised(float x, float scale, int zero)
{
    const float lo = (float)-zero, hi = (float)(255 - zero);
    x /= scale;
    x = x > lo ? x : lo;
    x = x < hi ? x : hi;
    return (unsigned char)(@rounded(x) + zero);
}

