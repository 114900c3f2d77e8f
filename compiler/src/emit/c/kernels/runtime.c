static int @infer(const @@INPUT_TYPE *input, @@OUTPUT_TYPE *output, @arena *arena)
{
    unsigned char *const memory = arena->bytes + (64 - (uintptr_t)arena->bytes % 64) % 64;
    mobilenet_rt_inference run;
    size_t image;
    mobilenet_rt_begin(&run, MOBILENET_RT_ABI, %WEIGHTS%, @@WEIGHT_BYTES, memory, @@ARENA_BYTES);
    for (image = 0; image < @@BATCH; image++, input += %IN%, output += %OUT%) {
%STEPS%    }
    return (int)run.status;
}

void @run(const @@INPUT_TYPE *input, @@OUTPUT_TYPE *output, @arena *arena)
{
    (void)@infer(input, output, arena);
}

