static int @infer(const @@INPUT_TYPE *input, const @rows *rows, %OUTPUT% *output, @arena *arena)
{
    unsigned char *const bytes = (unsigned char *)arena + offsetof(@arena, memory);
    unsigned char *const memory = bytes + (64 - (uintptr_t)bytes % 64) % 64;
    mobilenet_rt_inference run;
    mobilenet_rt_begin(&run, MOBILENET_RT_ABI, %WEIGHTS%, @@WEIGHT_BYTES, memory, @@ARENA_BYTES);
%STEPS%    return (int)run.status;
}

