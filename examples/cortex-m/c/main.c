/* Classifies pictures that lie in flash, and prints what they show. */
#include "fashion.h"
#include "semihosting.h"

extern const unsigned char pictures[], pictures_end[];

/* The linker script decides where the arena lies; the Makefile, with FASHION_WEIGHTS_SECTION, where the weights do. */
static fashion_arena arena __attribute__((section(".bss.arena")));

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
        int classes[FASHION_TOP_K];
        char number[] = "picture 0: ";
        fashion_run(pictures + i * FASHION_INPUT_LEN, scores, &arena);
        number[8] = (char)('0' + i % 10);
        semihosting_print(number);
        fashion_top_k(scores, classes);
        semihosting_print(fashion_label(classes[0]));
        semihosting_print("\n");
    }
    return 0;
}
