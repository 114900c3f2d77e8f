/* What serve.mjs calls: per model its input and output (which must be float) in memory, and one inference. */
#include "depth.h"
#include "string.h"

struct model {
    void (*infer)(void);
    void *places[2];
    int lengths[2];
};

#define SERVER(name, run, arena_type, input_type, input_len, output_type, output_len)                                  \
    static input_type name##_input[input_len];                                                                         \
    static output_type name##_output[output_len];                                                                      \
    static arena_type name##_arena;                                                                                    \
    static void name##_infer(void) {                                                                                   \
        memset(&name##_arena, 0xff, sizeof name##_arena);                                                              \
        depth_begin();                                                                                                 \
        run(name##_input, name##_output, &name##_arena);                                                               \
    }                                                                                                                  \
    static const struct model name = {                                                                                 \
        name##_infer, {name##_input, name##_output}, {(int)sizeof name##_input, (int)sizeof name##_output}};

typedef const struct model server;

