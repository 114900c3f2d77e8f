
#ifdef @@TEST_MAIN
int main(void)
{
    static @arena arena;
    const int result = @self_test(&arena);
    return result < 255 ? result : 255;
}
#endif
