/* A depthwise, pointwise or general convolution by itself; a pointwise one ignores the window. */
typedef struct {
    @map input;
    @window window;
    size_t weights;
    @clamp clamp;
    @map output;
} @single;

