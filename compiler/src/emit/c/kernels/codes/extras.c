    for (i = 0; i < panel->extras; i++) {
        const size_t quad = (panel->numbers[i / 2] >> i % 2 * 16 & 0xffffu) - f->first;
        const size_t whole = f->wide.count * f->wide.quads;
        const @runs *const of = quad < whole ? &f->wide : &f->narrow;
        const size_t at = quad < whole ? quad : quad - whole;
        if (at < of->count * of->quads) {
            const unsigned char *const begin = of->at[at / of->quads] + at % of->quads * 4;
            @runs one;
            one.at = &begin;
            one.count = one.quads = 1;
            one.step = of->step;
            @dot_$I(&one, m, pixels, panel->more + i * 16, columns, sums, 16, sums);
        }
    }
