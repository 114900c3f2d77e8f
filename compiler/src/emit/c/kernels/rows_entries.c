void @run(const @@INPUT_TYPE *input, %OUTPUT% *output, @arena *arena)
{
    %IGNORED%@infer(input, NULL, output, arena);
}

void @run_rows(@read_rows *read, void *context, %OUTPUT% *output, @arena *arena)
{
    @rows rows;
    rows.read = read;
    rows.context = context;
    %IGNORED%@infer(NULL, &rows, output, arena);
}
