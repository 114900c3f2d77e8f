/* What the page calls. ../rust/src/lib.rs exports the same. */
#include "fashion.h"

#define EXPORT(name) __attribute__((export_name(name)))

static FASHION_INPUT_TYPE image[FASHION_INPUT_LEN];
static FASHION_OUTPUT_TYPE logits[FASHION_OUTPUT_LEN];
static fashion_arena arena;

EXPORT("input") FASHION_INPUT_TYPE *input(void);
EXPORT("output") FASHION_OUTPUT_TYPE *output(void);
EXPORT("run") void run(void);

FASHION_INPUT_TYPE *input(void)
{
    return image;
}

FASHION_OUTPUT_TYPE *output(void)
{
    return logits;
}

void run(void)
{
    fashion_run(image, logits, &arena);
}
