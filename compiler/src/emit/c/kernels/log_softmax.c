/* The natural logarithm of a normal x >= 1: a first guess, then two steps of Halley's method on e^y = x. */
static float @log(float x)
{
    union {
        float value;
        uint32_t bits;
    } mantissa;
    float exponent, y;
    int i;
    mantissa.value = x;
    exponent = (float)((int32_t)(mantissa.bits >> 23) - 127);
    mantissa.bits = (mantissa.bits & 0x007fffffu) | 0x3f800000u;
    y = (exponent + (mantissa.value - 1.0f)) * 0.693147182f;
    for (i = 0; i < 2; i++) {
        const float e = @exp(y);
        y += 2.0f * (x - e) / (x + e);
    }
    return y;
}

static void @log_softmax(float *x, size_t n)
{
    float most = -@@INFINITY, sums[8] = {0.0f}, sum = 0.0f;
    size_t i;
    for (i = 0; i < n; i++) {
        most = x[i] > most ? x[i] : most;
    }
    for (i = 0; i < n; i++) {
        x[i] -= most;
        sums[i % 8] += @exp(x[i]);
    }
    for (i = 0; i < 8; i++) {
        sum += sums[i];
    }
    sum = @log(sum);
    for (i = 0; i < n; i++) {
        x[i] -= sum;
    }
}

