#if defined(@@X86)
        if (level == 2) {
            @run_avx512(input, output, floats, weights);
        } else if (level == 1) {
            @run_avx2(input, output, floats, weights);
        } else {
            @run_v128(input, output, floats, weights);
        }
#elif defined(@@NEON)
        @run_neon(input, output, floats, weights);
#elif defined(@@SIMD128)
        @run_v128(input, output, floats, weights);
#else
        @run_plain(input, output, floats, weights);
#endif
