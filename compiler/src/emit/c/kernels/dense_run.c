static $T void @dense_$I(const @dense *s, const float *a, const float *weights, %PADDING%float *out)
{
    const float *panel = weights + s->weights;
%START%%RUNS%}

