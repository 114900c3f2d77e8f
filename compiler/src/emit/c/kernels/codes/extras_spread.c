    for (i = 0; i < panel->extras; i++) {
        const size_t quad = (panel->numbers[i / 2] >> i % 2 * 16 & 0xffffu) - f->first;
        if (quad < quads) {
            @dot_$I(codes + %AT%, 1, panel->more + i * 16, columns, all, 16, all);
        }
    }
