    for (image = 0; image < @@BATCH; image++) {
        const float *const expected = @test_expected%FIRST% + image * %EACH%;
        const %TYPE% *const found = %FOUND% + image * %EACH%;
        float largest = 0.0f;
        for (i = 0; i < %EACH%; i++) {
            const float size = expected[i] < 0.0f ? -expected[i] : expected[i];
            largest = size > largest ? size : largest;
        }
        for (i = 0; i < %EACH%; i++) {
            const float apart = (float)found[i] - expected[i];
            const float allowed = %ALLOWED%;
            if (!(apart <= allowed && -apart <= allowed)) {
                return @@ERROR_OUTPUT + (int)(image * %EACH% + i)%FIRST%;
            }
        }
    }
