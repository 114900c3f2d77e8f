/* Numbers as IEEE binary16 bits, rounded to the nearest, ties to even. */
static void @halve(const float *x, size_t n, uint16_t *to)
{
    size_t i;
    for (i = 0; i < n; i++) {
        uint32_t bits, sign;
        memcpy(&bits, x + i, sizeof bits);
        sign = bits >> 16 & 0x8000u;
        bits &= 0x7fffffffu;
        if (bits > 0x7f800000u) {
            bits = 0x7e00u;
        } else if (bits >= 0x477ff000u) {
            bits = 0x7c00u;
        } else if (bits >= 0x38800000u) {
            bits = (bits - 0x38000000u + 0xfffu + (bits >> 13 & 1u)) >> 13;
        } else if (bits > 0x33000000u) {
            const uint32_t shift = 126u - (bits >> 23);
            const uint32_t all = (bits & 0x7fffffu) | 0x800000u;
            const uint32_t rest = all & ((1u << shift) - 1u), middle = 1u << (shift - 1u);
            bits = all >> shift;
            bits += rest > middle || (rest == middle && (bits & 1u) != 0) ? 1u : 0u;
        } else {
            bits = 0;
        }
        to[i] = (uint16_t)(sign | bits);
    }
}

