/* A block of pixels, [K/16][pixels][16], against panels of weights, [N/16][1 + K][16]. */
typedef struct {
    const float *a, *tail;     /* the block; its last channels where fewer than 16 */
    size_t k, stride, pixels;  /* input channels; floats and pixels from one 16 to the next */
    @clamp clamp;
%SUM%    uintptr_t ahead;           /* the next panel, fetched while this one is used */
    size_t step;
} @gemm;

