            if (k->table != @@NONE) {
                const uint32_t *const table = (const uint32_t *)(const void *)(image->weights + k->table);
                for (i = 0; i < n; i++) {
                    b[i] = (unsigned char)(table[a[i] / 4] >> a[i] % 4 * 8);
                }
            }
