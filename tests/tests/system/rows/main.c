/* The self-test, then an inference from rows that come a byte at a time; both outputs must be the same. */
#include "net.h"
#include "semihosting.h"
#include <string.h>

static net_arena arena __attribute__((section(".bss.arena")));
static NET_OUTPUT_TYPE output[NET_OUTPUT_LEN];

extern const unsigned char image[];
static const size_t shape[] = NET_INPUT_SHAPE;
static size_t rows_given;

static unsigned char slowly(const volatile unsigned char *from)
{
    volatile int wait = 0;
    while (wait < 3) {
        wait++;
    }
    return *from;
}

static void give(void *context, size_t first, size_t rows, NET_INPUT_TYPE *destination)
{
    const int planar = NET_INPUT_LAYOUT[1] == 'C';
    const size_t planes = planar ? shape[1] : 1, height = planar ? shape[2] : shape[1];
    const size_t row = (planar ? shape[3] : shape[2] * shape[3]) * sizeof *destination;
    unsigned char *to = (unsigned char *)destination;
    size_t plane, i;
    rows_given += rows;
    for (plane = 0; plane < planes; plane++) {
        const unsigned char *const from = (const unsigned char *)context + (plane * height + first) * row;
        for (i = 0; i < rows * row; i++) {
            *to++ = slowly(from + i);
        }
    }
}

static unsigned long hash(void)
{
    const unsigned char *const bytes = (const unsigned char *)output;
    unsigned long sum = 2166136261u;
    size_t i;
    for (i = 0; i < sizeof output; i++) {
        sum = (sum ^ bytes[i]) * 16777619u;
    }
    return sum;
}

int main(void)
{
    unsigned long whole;
    if (net_self_test(&arena) != NET_OK) {
        return 1;
    }
    net_run((const NET_INPUT_TYPE *)(const void *)image, output, &arena);
    whole = hash();
    memset(output, 0, sizeof output);
    net_run_rows(give, (void *)(size_t)image, output, &arena);
    return hash() == whole && rows_given == (NET_INPUT_LAYOUT[1] == 'C' ? shape[2] : shape[1]) ? 0 : 2;
}
