            if (s->gate != @@NONE) {
                const unsigned char *const d = (const unsigned char *)image->arena + s->gate + c;
                for (i = 0; i < n; i++) {
                    const float x = @number(a[i] - k->zero[0], k->scale[0]), z = @number(d[i % block] - k->zero[1], k->scale[1]);
                    b[i] = @code(x * z / k->scale[2], k);
                }
            }
