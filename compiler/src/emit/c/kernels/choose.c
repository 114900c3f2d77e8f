        if (level == 2) {
            @run_avx512(input, output, %IMAGE%floats, weights);
        } else if (level == 1) {
            @run_avx2(input, output, %IMAGE%floats, weights);
        } else {
            @run_sse2(input, output, %IMAGE%floats, weights);
        }
