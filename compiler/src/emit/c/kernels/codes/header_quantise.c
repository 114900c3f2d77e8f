
/* The code of a number: rounded half to even, at most the last there is. */
static inline @@%PORT%_TYPE @quantize%NUMBER%(float x)
{
    const float lo = (float)(%LO% - @@%PORT%_ZERO_POINT), hi = (float)(%HI% - @@%PORT%_ZERO_POINT);
    float rest;
    int code;
    x /= @@%PORT%_SCALE;
    x = x > lo ? x : lo;
    x = x < hi ? x : hi;
    code = (int)x;
    rest = x - (float)code;
    code += rest > 0.5f || (rest == 0.5f && code % 2 != 0);
    code -= rest < -0.5f || (rest == -0.5f && code % 2 != 0);
    return (@@%PORT%_TYPE)(code + @@%PORT%_ZERO_POINT);
}
