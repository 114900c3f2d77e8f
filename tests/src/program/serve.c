/* Runs compiled models for a test: named by arguments `index:images`, inputs from standard input, outputs (as float) to
   standard output. The arena is full of NaNs, and input, output and arena start one element or byte off any alignment. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef int server(long images);

#define SERVER(name, run, arena_type, input_type, input_len, output_type, output_len)                                  \
    static int name(long images) {                                                                                     \
        static input_type input[(input_len) + 1];                                                                      \
        static output_type output[(output_len) + 1];                                                                   \
        static float floats[output_len];                                                                               \
        static arena_type arena;                                                                                       \
        for (long image = 0; image < images; image++) {                                                                \
            if (fread(input + 1, sizeof(input_type), input_len, stdin) != (input_len)) return 2;                       \
            memset(&arena, 0xff, sizeof arena);                                                                        \
            memset(output, 0xff, sizeof output);                                                                       \
            run(input + 1, output + 1, &arena);                                                                        \
            for (long i = 0; i < (long)(output_len); i++) floats[i] = (float)output[i + 1];                            \
            if (fwrite(floats, sizeof(float), output_len, stdout) != (output_len)) return 3;                           \
        }                                                                                                              \
        return 0;                                                                                                      \
    }

static int serve_all(int argc, char **argv, server *const *servers, size_t count) {
    for (int i = 1; i < argc; i++) {
        char *colon;
        unsigned long index = strtoul(argv[i], &colon, 10);
        if (*colon != ':' || index >= count) return 4;
        int failed = servers[index](strtol(colon + 1, NULL, 10));
        if (failed) return failed;
    }
    return fflush(stdout) == 0 ? 0 : 5;
}

