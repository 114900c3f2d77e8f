/* n values, stride apart, by their norm of degree %P%, or by epsilon where that is larger. */
static void @normalise%P%(float *x, size_t n, size_t stride, float epsilon)
{
    float norm = 0.0f;
    size_t i;
    for (i = 0; i < n; i++) {
        norm += %TERM%;
    }
%ROOT%    norm = norm < epsilon ? epsilon : norm;
    for (i = 0; i < n; i++) {
        x[i * stride] /= norm;
    }
}

