/*
 * Weights whose hash is right, then every element of the output within 1e-4 of the largest magnitude of its image%TAIL%.
 */
int @self_test(@arena *arena)
{
    %OUTPUT% *output;
    unsigned char *bytes;
    size_t image, i;
    int error;
    if (arena == NULL) {
        return @@ERROR_NULL;
    }
    bytes = (unsigned char *)arena + offsetof(@arena, output);
    output = (%OUTPUT% *)(void *)(bytes + (8 - (uintptr_t)bytes % 8) % 8);
    error = @run_checked(&@test_input[0][0], output, arena);
    if (error != @@OK) {
        return error;
    }
    if (@hash(%WEIGHTS%, @@WEIGHT_BYTES) != UINT64_C(%HASH%)) {
        return @@ERROR_HASH;
    }
%COMPARE%    return @@OK;
}
