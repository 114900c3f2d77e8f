/* Row y (border included) of the input, as floats with the columns of the border. */
static @@NOINLINE void @%NAME%_stage(const @image *image, size_t y, float *row)
{
%STAGE%}

