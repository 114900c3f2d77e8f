void @run(const @@INPUT_TYPE *input, %OUTPUT% *output, @arena *arena)
{
    const float *const weights = %WEIGHTS%;
    unsigned char *const memory = (unsigned char *)arena + offsetof(@arena, memory);
    float *const floats = (float *)(void *)(memory + (64 - (uintptr_t)memory % 64) % 64);
%LEVEL%    size_t image;
    for (image = 0; image < @@BATCH; image++, input += %IN%%NEXT%) {
%CALL%
    }
}

