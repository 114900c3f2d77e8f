/* Classifies pictures that come from a file beyond the board, a row at a time: no picture is ever whole in memory. */
#include "fashion.h"
#include "semihosting.h"
#include <string.h>

/* A card, a sensor or a link would be as slow. */
struct card {
    int file;
    size_t picture;
    int failed;
};

static fashion_arena arena __attribute__((section(".bss.arena")));

/* A row of grey is FASHION_INPUT_LEN / height bytes, of which destination holds rows. */
static void read(void *context, size_t first_row, size_t rows, FASHION_INPUT_TYPE *destination)
{
    static const size_t shape[] = FASHION_INPUT_SHAPE;
    struct card *const card = context;
    const size_t row = FASHION_INPUT_LEN / shape[2];
    const size_t at = card->picture * FASHION_INPUT_LEN + first_row * row;
    if (semihosting_read(card->file, at, destination, rows * row) != 0) {
        /* There is no way to stop the inference: let it have zeros, and say so afterwards. */
        memset(destination, 0, rows * row);
        card->failed = 1;
    }
}

int main(void)
{
    struct card card = {semihosting_open("../pictures.bin"), 0, 0};
    if (card.file < 0) {
        semihosting_print("there is no ../pictures.bin\n");
        return 1;
    }
    for (; card.picture < 6; card.picture++) {
        float scores[FASHION_OUTPUT_LEN];
        int classes[FASHION_TOP_K];
        char number[] = "picture 0: ";
        fashion_run_rows(read, &card, scores, &arena);
        if (card.failed) {
            semihosting_print("a row could not be read\n");
            return 1;
        }
        number[8] = (char)('0' + card.picture);
        semihosting_print(number);
        fashion_top_k(scores, classes);
        semihosting_print(fashion_label(classes[0]));
        semihosting_print("\n");
    }
    return 0;
}
