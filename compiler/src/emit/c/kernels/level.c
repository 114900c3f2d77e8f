#if defined(@@X86)
/* 2: AVX-512%WITH%, 1: AVX2 and FMA, 0: neither. Define @@LEVEL to fix it. */
#if defined(@@LEVEL) && ((@@LEVEL) < 0 || (@@LEVEL) > 2)
#error "@@LEVEL is 0, 1 or 2"
#endif
static int @level(void)
{
#if defined(@@LEVEL)
    return @@LEVEL;
#else
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) {
        return 0;
    }
    return __builtin_cpu_supports("avx512f")%CODES% ? 2 : 1;
#endif
}
#endif

