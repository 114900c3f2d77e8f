/* How the codes of a link stand for numbers: those that it reads, those of a second operand, those that it writes; in memory all are unsigned. */
typedef struct {
    float scale[3];
    short zero[3];
    short lo, hi;          /* bounds of what it writes */
    unsigned short extras; /* quads behind a panel's own; of a depthwise convolution, parts of its weights behind the first */
    size_t table;          /* of the code for each code, in words from the weights' start, or @@NONE */
    int product;           /* of the two operands, not their sum */
} @codes;

