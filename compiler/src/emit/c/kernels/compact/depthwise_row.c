/* A row, kernel %K% wide, stride %S%, the middle of each window inside the map. */
static void @%NAME%_$I(const @depthwise_row *d, size_t block, float *out)
{
    size_t x = 0;
    while (x < d->width) {
        const size_t pixels = d->width - x < 4 ? 1 : 4;
%OUTSIDE%        if (pixels == 4) {
            @%NAME%_4_$I(d, block, x, left, right, out);
        } else {
            @%NAME%_1_$I(d, block, x, left, right, out);
        }
        x += pixels;
        out += pixels * block;
    }
}

