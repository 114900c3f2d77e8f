int @load(@arena *arena, const void *blob, size_t size)
{
    static const unsigned char header[%HEADER%] = {%BYTES%};
    const unsigned char *const bytes = (const unsigned char *)blob;
    size_t same = 0;
    const void *weights;
    uint64_t sign;
    if (arena == NULL || blob == NULL) {
        return @@ERROR_NULL;
    }
    memset(arena->weights, 0, sizeof arena->weights);
    if ((uintptr_t)blob % 4 != 0) {
        return @@ERROR_ALIGNMENT;
    }
    while (same < %HEADER% && same < size && bytes[same] == header[same]) {
        same++;
    }
    if (same < 8) {
        return @@ERROR_FORMAT;
    }
    if (same < 16 || size != %HEADER% + @@WEIGHT_BYTES) {
        return @@ERROR_SIZE;
    }
    if (same < %HEADER% || @hash(bytes + %HEADER%, @@WEIGHT_BYTES) != UINT64_C(%HASH%)) {
        return @@ERROR_HASH;
    }
    weights = bytes + %HEADER%;
    sign = (uint64_t)(uintptr_t)weights ^ UINT64_C(%HASH%);
    memcpy(arena->weights, &weights, sizeof weights);
    memcpy(arena->weights + sizeof weights, &sign, sizeof sign);
    return @@OK;
}

