/* The code of so many quanta; NaN becomes the lower bound. No compiler contracts a product with the sum behind a choice. */
static unsigned char @code(float quanta, const @codes *k)
{
    const float lo = (float)(k->lo - k->zero[2]), hi = (float)(k->hi - k->zero[2]);
    quanta = @picked(quanta > lo, quanta, lo);
    quanta = @picked(quanta < hi, quanta, hi);
    return (unsigned char)(@rounded(quanta) + k->zero[2]);
}

