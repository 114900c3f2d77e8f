static void @infer(const @@INPUT_TYPE *input, const @rows *rows, %OUTPUT% *output, @arena *arena)
{
    const float *const weights = %WEIGHTS%;
    unsigned char *const memory = (unsigned char *)arena + offsetof(@arena, memory);
    float *const floats = (float *)(void *)(memory + (64 - (uintptr_t)memory % 64) % 64);
%LEVEL%%CALL%
}

