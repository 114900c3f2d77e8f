int @run_checked(const @@INPUT_TYPE *input, %OUTPUT% *output, @arena *arena)
{
    if (input == NULL || output == NULL || arena == NULL) {
        return @@ERROR_NULL;
    }
    if (%ALIGNED% % sizeof(float) != 0) {
        return @@ERROR_ALIGNMENT;
    }
%LOADED%%RUN%}
