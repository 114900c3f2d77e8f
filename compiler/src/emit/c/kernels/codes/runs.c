/* Quads of codes one behind the other, count times; those of the next pixel are step bytes apart. */
typedef struct {
    const unsigned char *const *at;
    size_t count, quads, step;
} @runs;

/* The codes under a filter: in whole blocks of channels, then in a narrow one. first is the number of their first quad. */
typedef struct {
    @runs wide, narrow;
    size_t first;
} @field;

/* A panel of 16 columns: quads of weights are 16 words. */
typedef struct {
    const int32_t *bias;
    const float *multipliers;
    const uint32_t *quads;
%EXTRA%} @columns;

