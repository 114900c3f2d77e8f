
/* The number of a code. */
static inline float @dequantize%NUMBER%(@@%PORT%_TYPE code)
{
    return (float)(code - @@%PORT%_ZERO_POINT) * @@%PORT%_SCALE;
}
