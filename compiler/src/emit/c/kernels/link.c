/* One image: where it is, what it is computed in and with, and what the link at work reads, writes and looks through. */
typedef struct {
    const @@INPUT_TYPE *input;
    float *arena;
    const float *weights;
    const @map *in, *out;
    const @window *window;
%IMAGE%} @image;

/* One computation, a group of rows at a time. Maps, windows and passes are numbers in the tables below. */
typedef struct {
    int kind;
    unsigned input, output, window;
    size_t weights;
    @clamp clamp;
%LINK%} @link;

