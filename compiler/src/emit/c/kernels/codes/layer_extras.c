            for (i = 0; i < panel.extras; i++) {
                const size_t quad = panel.numbers[i / 2] >> i % 2 * 16 & 0xffffu;
                @dot_$I(codes + %AT%, 1, panel.more + i * 16, block, sums, 16, sums);
            }
