static void @log_softmax%SUFFIX%(float *x, size_t n%PARAMETER%)
{
    float most = x[0], sums[8] = {0.0f}, sum = 0.0f;
    size_t i;
    for (i = 1; i < n; i++) {
        most = x[%I%] > most ? x[%I%] : most;
    }
    for (i = 0; i < n; i++) {
        x[%I%] -= most;
        sums[i % 8] += @exp(x[%I%]);
    }
    for (i = 0; i < 8; i++) {
        sum += sums[i];
    }
    sum = @log(sum);
    for (i = 0; i < n; i++) {
        x[%I%] -= sum;
    }
}

