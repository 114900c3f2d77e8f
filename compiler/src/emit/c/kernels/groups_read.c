/* Groups of its input that the link reads for group q of its output. */
static @@NOINLINE size_t @groups_read(const @image *image, size_t q)
{
    const @map *const in = image->in, *const out = image->out;
    const @window *const w = image->window;
    const size_t last = q * out->group + @group_rows(out, q) - 1;
    const size_t end = last * w->stride[0] + (w->kernel[0] - 1) * w->dilation[0] + 1;
    const size_t rows = end > w->pad[0] ? end - w->pad[0] : 0;
    return ((rows < in->height ? rows : in->height) + in->group - 1) / in->group;
}

