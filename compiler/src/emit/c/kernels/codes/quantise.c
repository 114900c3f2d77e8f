/* The code of a number. */
static unsigned char @quantised(float x, float scale, int zero)
{
    const float lo = (float)-zero, hi = (float)(255 - zero);
    x /= scale;
    x = @picked(x > lo, x, lo);
    x = @picked(x < hi, x, hi);
    return (unsigned char)(@rounded(x) + zero);
}

