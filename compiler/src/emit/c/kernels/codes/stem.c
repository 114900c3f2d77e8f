/* Row y (border included) of the input, as codes pixel by pixel with the columns of the border. */
static @@NOINLINE void @%NAME%_stage(const @image *image, size_t y, unsigned char *row)
{
    size_t x, c;
    memset(row, %ZERO%, %ROW%);
    if (%INSIDE%) {
        const @@INPUT_TYPE *const line = %LINE%;
        for (c = 0; c < %CHANNELS%; c++) {
            const @@INPUT_TYPE *const from = line + %FROM%;
%COPY%        }
    }
}

