/* How much stack a call takes: a stretch below the caller is painted before it and searched after it. */
#define DEPTH_MOST 65536

static volatile unsigned char *depth_area;

static __attribute__((noinline)) void depth_begin(void) {
    volatile unsigned char area[DEPTH_MOST];
    depth_area = area;
    for (long i = 0; i < DEPTH_MOST; i++) area[i] = 0x5a;
}

static __attribute__((noinline)) long depth_end(void) {
    long untouched = 0;
    while (untouched < DEPTH_MOST && depth_area[untouched] == 0x5a) untouched++;
    return DEPTH_MOST - untouched;
}
