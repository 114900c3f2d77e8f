/* Classifies pictures that lie in flash, and prints what they show. */
#include "fashion.h"
#include "semihosting.h"
#include <string.h>

extern const unsigned char pictures[], pictures_end[];
extern const char labels[], labels_end[];

/* The linker script decides where the arena lies; the Makefile, with FASHION_WEIGHTS_SECTION, where the weights do. */
static fashion_arena arena __attribute__((section(".bss.arena")));

static size_t best(const float *scores)
{
    size_t i, best = 0;
    for (i = 1; i < FASHION_OUTPUT_LEN; i++) {
        if (scores[i] > scores[best]) {
            best = i;
        }
    }
    return best;
}

/* Prints a line of `labels`. */
static void print_label(size_t class)
{
    const char *start = labels, *end = labels;
    char name[32];
    size_t line, length = 0;
    for (line = 0; line <= class; line++) {
        start = end + (line > 0);
        for (end = start; end < labels_end && *end != '\n'; end++) {
        }
    }
    length = (size_t)(end - start) < sizeof name ? (size_t)(end - start) : sizeof name - 1;
    memcpy(name, start, length);
    name[length] = '\0';
    semihosting_print(name);
}

int main(void)
{
    const size_t count = (size_t)(pictures_end - pictures) / FASHION_INPUT_LEN;
    size_t i;
    if (fashion_self_test(&arena) != FASHION_OK) {
        semihosting_print("the self-test fails\n");
        return 1;
    }
    semihosting_print("the self-test passes\n");
    for (i = 0; i < count; i++) {
        float scores[FASHION_OUTPUT_LEN];
        char number[] = "picture 0: ";
        fashion_run(pictures + i * FASHION_INPUT_LEN, scores, &arena);
        number[8] = (char)('0' + i % 10);
        semihosting_print(number);
        print_label(best(scores));
        semihosting_print("\n");
    }
    return 0;
}
