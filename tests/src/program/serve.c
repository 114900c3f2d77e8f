/* Runs compiled models for a test: named by arguments `index:images`, inputs from standard input, outputs (as float) to
   standard output. The arena is full of NaNs, and input, output and arena start one element or byte off any alignment.
   A first argument `depth` adds one more float: the bytes of stack that the deepest inference took. */
#include "depth.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static long deepest = -1;

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
            if (deepest >= 0) depth_begin();                                                                           \
            run(input + 1, output + 1, &arena);                                                                        \
            if (deepest >= 0 && depth_end() > deepest) deepest = depth_end();                                          \
            for (long i = 0; i < (long)(output_len); i++) floats[i] = (float)output[i + 1];                            \
            if (fwrite(floats, sizeof(float), output_len, stdout) != (output_len)) return 3;                           \
        }                                                                                                              \
        return 0;                                                                                                      \
    }

static int serve_all(int argc, char **argv, server *const *servers, size_t count) {
    if (argc > 1 && strcmp(argv[1], "depth") == 0) deepest = 0;
    for (int i = deepest < 0 ? 1 : 2; i < argc; i++) {
        char *colon;
        unsigned long index = strtoul(argv[i], &colon, 10);
        if (*colon != ':' || index >= count) return 4;
        int failed = servers[index](strtol(colon + 1, NULL, 10));
        if (failed) return failed;
    }
    if (deepest >= 0) {
        float depth = (float)deepest;
        if (fwrite(&depth, sizeof depth, 1, stdout) != 1) return 3;
    }
    return fflush(stdout) == 0 ? 0 : 5;
}

