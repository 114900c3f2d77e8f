            if (s->add != @@NONE) {
                const @codes_row plus = @codes_row_at(&@maps[s->add], image->arena, y);
                const unsigned char *const d = @codes_block(&plus, c, block);
                for (i = 0; i < n; i++) {
                    const float x = @number(a[i] - k->zero[0], k->scale[0]), z = @number(d[i] - k->zero[1], k->scale[1]);
                    b[i] = @code(%VALUE% / k->scale[2], k);
                }
            }
