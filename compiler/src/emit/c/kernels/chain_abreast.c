/* Each link reads group q of what the one before it has just written. */
static $T void @chain_$I(const @link *links, size_t count, @image *image)
{
    const size_t end = @groups(&@maps[links->output]);
    size_t q, i;
%STAGED%    for (q = 0; q < end; q++) {
        for (i = 0; i < count; i++) {
            @select(&links[i], image);
            @link_$I(&links[i], image, q);
        }
    }
}

