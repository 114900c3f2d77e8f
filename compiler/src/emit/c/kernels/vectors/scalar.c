typedef float f1;
#define f1_load(p) (*(p))
#define f1_store(p, x) (*(p) = (x))
#define f1_set(x) (x)
#define f1_splat(p) (*(p))
#define f1_add(a, b) ((a) + (b))
#define f1_mul(a, b) ((a) * (b))
#define f1_clamp(x, lo, hi) ((x) < (lo) ? (lo) : (x) > (hi) ? (hi) : (x))
