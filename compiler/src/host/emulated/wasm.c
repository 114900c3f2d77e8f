/* What run.mjs calls: one inference, and where its input and output lie. */
static NET_INPUT_TYPE input[NET_INPUT_LEN];
static result output;
static net_arena arena;

__attribute__((export_name("input"))) void *input_at(void) { return input; }
__attribute__((export_name("inputs"))) int input_bytes(void) { return (int)sizeof input; }
__attribute__((export_name("output"))) void *output_at(void) { return output; }
__attribute__((export_name("outputs"))) int output_bytes(void) { return (int)sizeof output; }
__attribute__((export_name("infer"))) int infer(void) {
    memset(&arena, 0xff, sizeof arena);
    return net_run_checked(input, output, &arena);
}
