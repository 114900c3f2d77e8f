void @run(const @@INPUT_TYPE *input, @@OUTPUT_TYPE *output, @arena *arena)
{
    const float *const weights = %WEIGHTS%;
    float *const floats = (float *)(void *)(arena->bytes + (64 - (uintptr_t)arena->bytes % 64) % 64);
%LEVEL%    size_t image;
    for (image = 0; image < @@BATCH; image++, input += %IN%, output += %OUT%) {
%CALL%
    }
}

