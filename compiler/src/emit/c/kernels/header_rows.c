
/*
 * Writes rows first_row and following of the input, in its elements: %ORDER%.
 * It is called with rows in order, each once at most; those that no window covers are left out. Today rows is always 1.
 * destination lies in the arena at a multiple of 64. Nothing beyond its rows * %ROW% elements may be written; what is not
 * written has unspecified values.
 */
typedef void @read_rows(void *context, size_t first_row, size_t rows, @@INPUT_TYPE *destination);

/* As @run, with an input that is never whole in memory: read gives its rows when they are needed. */
void @run_rows(@read_rows *read, void *context, %OUTPUT% *output, @arena *arena);
