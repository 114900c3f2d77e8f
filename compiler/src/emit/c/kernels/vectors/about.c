
/*
 * Vectors of 16, 8, 4 lanes and of one, spelled alike. fma(a, b, c) is a * b + c, rounded once where the instruction
 * set can. clamp lets NaN through.
 */
