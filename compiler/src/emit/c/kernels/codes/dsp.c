/* Halves of a word: its bytes 0 and 2, and 1 and 3, without a sign or with one. */
static inline uint32_t @u_even(uint32_t x)
{
    __asm__("uxtb16 %0, %1" : "=r"(x) : "r"(x));
    return x;
}

static inline uint32_t @u_odd(uint32_t x)
{
    __asm__("uxtb16 %0, %1, ror #8" : "=r"(x) : "r"(x));
    return x;
}

static inline uint32_t @s_even(uint32_t x)
{
    __asm__("sxtb16 %0, %1" : "=r"(x) : "r"(x));
    return x;
}

static inline uint32_t @s_odd(uint32_t x)
{
    __asm__("sxtb16 %0, %1, ror #8" : "=r"(x) : "r"(x));
    return x;
}

/* A word at any address, which these processors load. */
static inline uint32_t @word(const unsigned char *p)
{
    uint32_t x;
    __asm__("ldr %0, %1" : "=r"(x) : "m"(*(const unsigned char (*)[4])p));
    return x;
}

/* The code of a sum, in all bounds that a byte has. */
static inline uint32_t @byte(int32_t sum, float multiplier, int32_t zero)
{
    float quanta = (float)sum * multiplier;
    int32_t code;
    __asm__("vcvtr.s32.f32 %0, %0" : "+t"(quanta)); /* half to even, saturated */
    __asm__("vmov %0, %1" : "=r"(code) : "t"(quanta));
    __asm__("qadd %0, %1, %2" : "=r"(code) : "r"(code), "r"(zero));
    __asm__("usat %0, #8, %1" : "=r"(code) : "r"(code));
    return (uint32_t)code;
}

/* Four times what lies above the bounds of codes, the same with what lies below, and that alone. */
typedef struct {
    uint32_t above, outside, below;
} @bounds;

static @bounds @bounds_of(const @codes *k)
{
    @bounds b;
    b.above = (uint32_t)(255 - k->hi) * 0x01010101u;
    b.below = (uint32_t)k->lo * 0x01010101u;
    b.outside = b.above + b.below;
    return b;
}

/* Four codes within bounds: what lies outside saturates. */
static inline uint32_t @bounded(uint32_t codes, @bounds b)
{
    __asm__("uqadd8 %0, %1, %2" : "=r"(codes) : "r"(codes), "r"(b.above));
    __asm__("uqsub8 %0, %1, %2" : "=r"(codes) : "r"(codes), "r"(b.outside));
    return codes + b.below;
}

