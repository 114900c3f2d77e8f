static void @softmax(float *x, size_t n)
{
    float most = x[0], sums[8] = {0.0f}, sum = 0.0f;
    size_t i;
    for (i = 1; i < n; i++) {
        most = x[i] > most ? x[i] : most;
    }
    for (i = 0; i < n; i++) {
        x[i] = @exp(x[i] - most);
        sums[i % 8] += x[i];
    }
    for (i = 0; i < 8; i++) {
        sum += sums[i];
    }
    sum = 1.0f / sum;
    for (i = 0; i < n; i++) {
        x[i] *= sum;
    }
}

