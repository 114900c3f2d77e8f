/* One row of one channel block of a depthwise convolution. */
typedef struct {
    const float *row[@@KERNEL_ROWS]; /* the window's rows inside the map */
    size_t rows;
    const float *bias, *weights;  /* weights of row[0] on */
    size_t width, in_width;
    const @window *window;
    @clamp clamp;
%SUM%} @depthwise_row;

