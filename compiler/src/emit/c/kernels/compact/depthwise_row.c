/* A row, kernel 3 wide, stride %S%, at most one column of border on each side. */
static void @depthwise_s%S%_$I(const @depthwise_row *d, size_t block, float *out)
{
    size_t x = 0;
    while (x < d->width) {
        const size_t pixels = d->width - x < 4 ? 1 : 4;
        const int left = x < d->window->pad[1];
        const int right = (x + pixels - 1) * %S% + 2 >= d->in_width + d->window->pad[1];
        if (pixels == 4) {
            @depthwise_s%S%_4_$I(d, block, x, left, right, out);
        } else {
            @depthwise_s%S%_1_$I(d, block, x, left, right, out);
        }
        x += pixels;
        out += pixels * block;
    }
}

