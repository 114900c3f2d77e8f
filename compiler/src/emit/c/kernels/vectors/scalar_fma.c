#if defined(__GNUC__) && (defined(__ARM_FEATURE_FMA) || defined(__aarch64__) || defined(__riscv_fdiv) || defined(__FP_FAST_FMAF))
#define f1_fma(a, b, c) __builtin_fmaf(a, b, c)
#else
#define f1_fma(a, b, c) ((a) * (b) + (c))
#endif
