/*
 * Weights whose hash is right, then every element of the output within 1e-4 of the largest magnitude of its image%TAIL%.
 */
int @self_test(@arena *arena)
{
    const size_t length = @@OUTPUT_LEN / @@BATCH;
    @@OUTPUT_TYPE *output;
    size_t image, i;
    int error;
    if (arena == NULL) {
        return @@ERROR_NULL;
    }
    output = (@@OUTPUT_TYPE *)(void *)(arena->output + (4 - (uintptr_t)arena->output % 4) % 4);
    error = @run_checked(&@test_input[0][0], output, arena);
    if (error != @@OK) {
        return error;
    }
    if (@hash(%WEIGHTS%, @@WEIGHT_BYTES) != UINT64_C(%HASH%)) {
        return @@ERROR_HASH;
    }
    for (image = 0; image < @@BATCH; image++) {
        const float *const expected = @test_expected + image * length;
        const @@OUTPUT_TYPE *const found = output + image * length;
        float largest = 0.0f;
        for (i = 0; i < length; i++) {
            const float size = expected[i] < 0.0f ? -expected[i] : expected[i];
            largest = size > largest ? size : largest;
        }
        for (i = 0; i < length; i++) {
            const float apart = (float)found[i] - expected[i];
            const float allowed = %ALLOWED%;
            if (!(apart <= allowed && -apart <= allowed)) {
                return @@ERROR_OUTPUT + (int)(image * length + i);
            }
        }
    }
    return @@OK;
}
