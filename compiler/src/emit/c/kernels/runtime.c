static int @infer(const @@INPUT_TYPE *input, %OUTPUT% *output, @arena *arena)
{
    unsigned char *const bytes = (unsigned char *)arena + offsetof(@arena, memory);
    unsigned char *const memory = bytes + (64 - (uintptr_t)bytes % 64) % 64;
    mobilenet_rt_inference run;
    size_t %N%;
    mobilenet_rt_begin(&run, MOBILENET_RT_ABI, %WEIGHTS%, @@WEIGHT_BYTES, memory, @@ARENA_BYTES);
    for (%N% = 0; %N% < @@BATCH; %N%++, input += %IN%%NEXT%) {
%STEPS%    }
    return (int)run.status;
}

void @run(const @@INPUT_TYPE *input, %OUTPUT% *output, @arena *arena)
{
    (void)@infer(input, output, arena);
}

