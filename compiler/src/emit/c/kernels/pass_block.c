/* Pixels of a block of channels, from channel c on. */
static $T void @pass_block_$I(const @pass *p, const float *weights, float *x, size_t pixels, size_t block, size_t c)
{
    const size_t n = pixels * block;
    size_t i%V%;
%BODY%}

