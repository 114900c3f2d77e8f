#define f1_fma(a, b, c) ((a) * (b) + (c))
