/* All groups of one link. */
static $T void @chain_$I(const @link *s, @image *image)
{
    const size_t end = @groups(&@maps[s->output]);
    size_t q;
%STAGED%    for (q = 0; q < end; q++) {
        @link_$I(s, image, q);
    }
}

