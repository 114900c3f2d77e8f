/* What stands for so many codes more than zero; compilers don't contract a product with a sum behind a choice. */
static float @number(int codes, float scale)
{
    return codes == 0 ? 0.0f : (float)codes * scale;
}

