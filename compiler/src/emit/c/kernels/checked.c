int @run_checked(const @@INPUT_TYPE *input, @@OUTPUT_TYPE *output, @arena *arena)
{
    if (input == NULL || output == NULL || arena == NULL) {
        return @@ERROR_NULL;
    }
%LOADED%    @run(input, output, arena);
    return @@OK;
}
