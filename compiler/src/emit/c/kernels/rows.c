/* What the caller reads rows with. */
typedef struct {
    @read_rows *read;
    void *context;
} @rows;

