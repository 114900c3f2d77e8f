/* Groups of the input that group q of the output reads. */
static size_t @input_groups(const @separable *s, size_t q)
{
    const size_t last = q * s->output.group + @group_rows(&s->output, q) - 1;
    const size_t end = last * s->window.stride[0] + (s->window.kernel[0] - 1) * s->window.dilation[0] + 1;
    const size_t rows = end > s->window.pad[0] ? end - s->window.pad[0] : 0;
    return ((rows < s->input.height ? rows : s->input.height) + s->input.group - 1) / s->input.group;
}

