/* Runs a model on each input in input.bin and writes what comes out to output.bin. */
#include <stdio.h>
#include <string.h>

static NET_INPUT_TYPE input[NET_INPUT_LEN];
static result output;
static net_arena arena;
/* Boards may have no heap. */
static char buffers[2][4096];

int main(void) {
    if (!freopen("input.bin", "rb", stdin) || !freopen("output.bin", "wb", stdout)) return 2;
    setvbuf(stdin, buffers[0], _IOFBF, sizeof buffers[0]);
    setvbuf(stdout, buffers[1], _IOFBF, sizeof buffers[1]);
    while (fread(input, sizeof input, 1, stdin) == 1) {
        memset(&arena, 0xff, sizeof arena);
        int failed = net_run_checked(input, output, &arena);
        if (failed) return failed;
        if (fwrite(output, sizeof output, 1, stdout) != 1) return 3;
    }
    return fflush(stdout) == 0 ? 0 : 4;
}
