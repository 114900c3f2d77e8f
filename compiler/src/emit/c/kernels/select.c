static void @select(const @link *s, @image *image)
{
    image->in = &@maps[s->input];
    image->out = &@maps[s->output];
    image->window = &@windows[s->window];
}

