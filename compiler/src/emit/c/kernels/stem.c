/* Row y (border included) of the input, as floats with the columns of the border. */
static @@NOINLINE void @%NAME%_stage(const @@INPUT_TYPE *input, size_t y, float *row)
{
%STAGE%}

