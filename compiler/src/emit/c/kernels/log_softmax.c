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

static void @log_softmax(float *x, size_t n)
{
    float most = x[0], sums[8] = {0.0f}, sum = 0.0f;
    size_t i;
    for (i = 1; i < n; i++) {
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

