/* Row y of the input: where it lies, or where the caller writes it now. */
static @@NOINLINE const @@INPUT_TYPE *@input_row(const @image *image, size_t y)
{
    @@INPUT_TYPE *const row = (@@INPUT_TYPE *)(void *)((unsigned char *)image->arena + %OFFSET%);
    if (image->rows == NULL) {
        return image->input + y * %ROW%;
    }
    image->rows->read(image->rows->context, y, 1, row);
    return row;
}

