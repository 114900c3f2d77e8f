/* The last link computes its groups in order, each one before it just far enough ahead. */
static $T void @chain_$I(const @link *links, size_t count, @image *image)
{
    const size_t end = @groups(&@maps[links[count - 1].output]);
    size_t done[%LINKS%], i;
    for (i = 0; i < count; i++) {
        done[i] = 0;
    }
%STAGED%    i = count - 1;
    while (done[count - 1] < end) {
        while (i > 0 && done[i - 1] < @groups_read(&links[i], done[i])) {
            i--;
        }
        @link_$I(&links[i], image, done[i]);
        done[i]++;
        i += i + 1 < count;
    }
}

