            for (x = 0; x < %COPIED%; x++) {
                row[(%LEFT% + x) * %CHANNELS% + c] = %VALUE%;
            }
