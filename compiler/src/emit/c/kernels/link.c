/* One image: where it is, and what it is computed in and with. */
typedef struct {
    const @@INPUT_TYPE *input;
    float *arena;
    const float *weights;
%IMAGE%} @image;

/* One computation, a group of rows at a time. Maps, windows and passes are numbers in the tables below. */
typedef struct {
    int kind;
    unsigned input, output, window;
    size_t weights;
    @clamp clamp;
%LINK%} @link;

