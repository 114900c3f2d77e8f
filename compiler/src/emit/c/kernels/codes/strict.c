#if defined(__FAST_MATH__)
#error "codes are rounded as the standard says; build without -ffast-math"
#endif
