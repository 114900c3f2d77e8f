/* What stands for so many codes more than zero; compilers don't contract a product with a sum behind a choice. The choice looks
 * at the float: binutils take a conversion that another choice makes conditional, vcvt with `ne`, for Helium's vcvtn. */
static float @number(int codes, float scale)
{
    const float number = (float)codes;
    return number == 0.0f ? 0.0f : number * scale;
}

