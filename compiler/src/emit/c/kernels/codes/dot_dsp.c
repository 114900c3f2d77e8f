/* Codes of up to three pixels as pairs of 16 bits, a quad of each pixel behind the other: what is multiplied many times over. */
static @@NOINLINE uint32_t *@spread(const @runs *r, size_t m, size_t pixels, uint32_t *to)
{
    const size_t one = pixels > 1 ? r->step : 0, two = pixels > 2 ? 2 * r->step : 0;
    size_t i;
    for (i = 0; i < r->count; i++) {
        const unsigned char *x = r->at[i] + m * r->step, *const end = x + r->quads * 4;
        for (; x != end; x += 4, to += 6) {
            const uint32_t a = @word(x), b = @word(x + one), c = @word(x + two);
            to[0] = @u_even(a);
            to[1] = @u_odd(a);
            to[2] = @u_even(b);
            to[3] = @u_odd(b);
            to[4] = @u_even(c);
            to[5] = @u_odd(c);
        }
    }
    return to;
}

#define @@PIXEL(a, b) \
    "ldrd r12, lr, [r0], #8\n\t" \
    "smlad " a ", r12, r10, " a "\n\tsmlad " b ", r12, r11, " b "\n\tsmlad " a ", lr, r2, " a "\n\tsmlad " b ", lr, r3, " b "\n\t"
#define @@QUAD \
    "ldrd r2, r3, [r1], #64\n\tsxtb16 r10, r2\n\tsxtb16 r2, r2, ror #8\n\tsxtb16 r11, r3\n\tsxtb16 r3, r3, ror #8\n\t" \
    @@PIXEL("r4", "r5") @@PIXEL("r6", "r7") @@PIXEL("r8", "r9")

/* What sums of three pixels by two columns at a time are made of, and where they go. */
typedef struct {
    const uint32_t *codes, *end, *weights, *last; /* weights of the first column, and behind the last one */
    const int32_t *start[3];
    int32_t *sums;
    size_t odd; /* quads */
} @three;

/* In all fourteen registers: sums in r4 to r9, what is read at r0 and r1. Compilers would spill. */
static @@NOINLINE void @dot_$I(const uint32_t *codes, size_t quads, const uint32_t *weights, size_t columns, const int32_t *start,
                             size_t next, int32_t *sums)
{
    @three three;
    register @three *t __asm__("r0") = &three;
    three.codes = codes;
    three.end = codes + 6 * quads;
    three.weights = weights;
    three.last = weights + columns;
    three.start[0] = start;
    three.start[1] = start + next;
    three.start[2] = start + 2 * next;
    three.sums = sums;
    three.odd = quads % 2;
    __asm__ volatile(
        "push {r0, r4-r11, lr}\n"
        "1:\n\tldr r2, [r0, #16]\n\tldrd r4, r5, [r2], #8\n\tstr r2, [r0, #16]\n\t"
        "ldr r2, [r0, #20]\n\tldrd r6, r7, [r2], #8\n\tstr r2, [r0, #20]\n\t"
        "ldr r2, [r0, #24]\n\tldrd r8, r9, [r2], #8\n\tstr r2, [r0, #24]\n\t"
        "ldr r1, [r0, #8]\n\tadd r2, r1, #8\n\tstr r2, [r0, #8]\n\tldr r2, [r0, #32]\n\tldr r0, [r0]\n\tcmp r2, #0\n\tbne 3f\n"
        "2:\n\t" @@QUAD
        "3:\n\t" @@QUAD
        "ldr r12, [sp]\n\tldr lr, [r12, #4]\n\tcmp r0, lr\n\tbne 2b\n\t"
        "mov r0, r12\n\tldr r2, [r0, #28]\n\tstrd r6, r7, [r2, #64]\n\tstrd r8, r9, [r2, #128]\n\tstrd r4, r5, [r2], #8\n\t"
        "str r2, [r0, #28]\n\tldr r2, [r0, #8]\n\tldr r3, [r0, #12]\n\tcmp r2, r3\n\tbne 1b\n\t"
        "pop {r0, r4-r11, lr}"
        : "+r"(t) : : "r1", "r2", "r3", "r12", "cc", "memory");
}

