typedef struct {
    size_t k, n, weights;
    @clamp clamp;
} @dense;

