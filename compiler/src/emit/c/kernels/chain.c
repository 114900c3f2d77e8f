/* The last link computes its groups in order, each one before it just far enough ahead. */
static %APART%$T void @chain_$I(const @link *links, size_t count, @image *image)
{
    size_t done[%LINKS%] = {0}, i = count - 1;
%STAGED%    for (;;) {
        @select(&links[i], image);
        if (i > 0 && done[i - 1] < @groups_read(image, done[i])) {
            i--;
            continue;
        }
        @link_$I(&links[i], image, done[i]);
        done[i]++;
        if (i + 1 < count) {
            i++;
        } else if (done[i] == @groups(image->out)) {
            break;
        }
    }
}

