#if defined(__GNUC__)
#define @@NOINLINE __attribute__((noinline))
#define @@PREFETCH(p) __builtin_prefetch(p)
#define @@INFINITY __builtin_inff()
#else
#include <math.h>
#define @@NOINLINE
#define @@PREFETCH(p) ((void)0)
#define @@INFINITY INFINITY
#endif
#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#endif
