/* Groups of its input that a link reads for group q of its output. */
static size_t @groups_read(const @link *s, size_t q)
{
    const @map *const in = &@maps[s->input], *const out = &@maps[s->output];
    const @window *const w = &@windows[s->window];
    const size_t last = q * out->group + @group_rows(out, q) - 1;
    const size_t end = last * w->stride[0] + (w->kernel[0] - 1) * w->dilation[0] + 1;
    const size_t rows = end > w->pad[0] ? end - w->pad[0] : 0;
    return ((rows < in->height ? rows : in->height) + in->group - 1) / in->group;
}

