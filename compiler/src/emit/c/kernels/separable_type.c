typedef struct {
    @map input;
    @window window;
    size_t depthwise;
    @clamp depthwise_clamp;
    size_t pointwise;
    @clamp clamp;
    @map output;
    size_t scratch;
} @separable;

