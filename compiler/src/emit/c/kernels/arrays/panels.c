        if (width == 16) {
            @panel16_$I(&g, pixels, panel, out);
        } else {
            @panel8_$I(&g, pixels, panel, out);
        }
