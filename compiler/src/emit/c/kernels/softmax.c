static void @softmax(float *x, size_t n)
{
    float most = x[0], sum = 0.0f;
    size_t i;
    for (i = 1; i < n; i++) {
        most = x[i] > most ? x[i] : most;
    }
    for (i = 0; i < n; i++) {
        x[i] = @exp(x[i] - most);
        sum += x[i];
    }
    for (i = 0; i < n; i++) {
        x[i] /= sum;
    }
}

