/* The first convolution reads the caller's input; its rows are staged as floats with their border. */
typedef struct {
    size_t weights;
    @clamp clamp;
    @map output;
    size_t scratch;
} @stem;

/* Row y (border included) of the input, as floats with the columns of the border. */
static void @stem_stage(const @@INPUT_TYPE *input, size_t y, float *row)
{
%STAGE%}

