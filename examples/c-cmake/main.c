/* Says what the pictures show whose files are named on the command line. */
#include "fashion.h"
#include "picture.h"
#include <stdio.h>
#include <string.h>

enum { DONE, FAILED, WRONG_USAGE };

static fashion_arena arena;

static const char *classify(const char *path)
{
    static const size_t shape[FASHION_INPUT_RANK] = FASHION_INPUT_SHAPE; /* batch, height, width, channels */
    static uint8_t input[FASHION_INPUT_LEN];
    float probabilities[FASHION_OUTPUT_LEN];
    int i, classes[FASHION_TOP_K];
    const char *problem = picture_read(path, shape[1], shape[2], shape[3], input);
    if (problem) {
        return problem;
    }
    fashion_run(input, probabilities, &arena);
    fashion_top_k(probabilities, classes);
    printf("%s\n", path);
    for (i = 0; i < FASHION_TOP_K; i++) {
        printf("  %6.2f %%  %s\n", 100 * (double)probabilities[classes[i]], fashion_label(classes[i]));
    }
    return NULL;
}

static int self_test(void)
{
    const int error = fashion_self_test(&arena);
    if (error == FASHION_OK) {
        puts("the self-test passes");
        return DONE;
    }
    fprintf(stderr, "error: the self-test fails: %d, %s\n", error,
            error == FASHION_ERROR_HASH ? "the weights are damaged" : "the output is wrong");
    return FAILED;
}

int main(int argc, char **argv)
{
    int i, status = DONE;
    if (argc < 2) {
        fprintf(stderr, "usage: classify PICTURE.pgm...\n       classify --self-test\n");
        return WRONG_USAGE;
    }
    if (argc == 2 && strcmp(argv[1], "--self-test") == 0) {
        return self_test();
    }
    for (i = 1; i < argc; i++) {
        const char *problem = classify(argv[i]);
        if (problem) {
            fprintf(stderr, "error: %s: %s\n", argv[i], problem);
            status = FAILED;
        }
    }
    return status;
}
