/* Group q of the input%WHAT%. */
static $T void @elementwise_$I(const @link *s, const @image *image, size_t q)
{
    const @map *const in = image->in, *const out = image->out;
    const $F lo = $F_set(s->clamp.lo), hi = $F_set(s->clamp.hi);
    const size_t first = q * out->group, end = first + @group_rows(out, q);
    size_t y, c, v, i;
    for (y = first; y < end; y++) {
        const @row from = @row_at(in, image->arena, y), to = @row_at(out, image->arena, y);
%ADDEND%        for (c = 0; c < out->channels; c += 16) {
            const size_t block = @block(out->channels, c);
            const float *const a = @row_block(&from, c, block);
            float *const b = @row_block(&to, c, block);
%ROW%            for (v = 0; v < block; v += $L) {
%FACTOR%                for (i = v; i < out->width * block; i += block) {
                    $F value = $F_load(a + i);
%VALUE%                    $F_store(b + i, $F_clamp(value, lo, hi));
                }
            }
        }
    }
}

