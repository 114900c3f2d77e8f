/* FNV-1a over words of 32 bits: it changes whenever one word does. */
static uint64_t @hash(const void *bytes, size_t size)
{
    const unsigned char *const from = (const unsigned char *)bytes;
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    size_t i;
    for (i = 0; i + 4 <= size; i += 4) {
        uint32_t word;
        memcpy(&word, from + i, sizeof word);
        hash = (hash ^ word) * UINT64_C(0x100000001b3);
    }
    return hash;
}

