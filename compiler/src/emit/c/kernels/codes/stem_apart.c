            unsigned char codes[%COPIED%];
            for (x = 0; x < %COPIED%; x++) {
                codes[x] = %VALUE%;
            }
            for (x = 0; x < %COPIED%; x++) {
                row[(%LEFT% + x) * %CHANNELS% + c] = codes[x];
            }
