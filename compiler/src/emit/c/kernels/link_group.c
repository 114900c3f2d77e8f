/* Group q of a link's output. */
static @@NOINLINE $T void @link_$I(const @link *s, @image *image, size_t q)
{
%BODY%}

