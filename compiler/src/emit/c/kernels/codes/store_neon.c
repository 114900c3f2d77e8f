/* Codes of four sums of columns. */
static inline int32x4_t @codes4_$I(int32x4_t sums, const float *multipliers, const @codes *k)
{
    const float lo = (float)(k->lo - k->zero[2]), hi = (float)(k->hi - k->zero[2]);
    /* The bound, if it is NaN. */
    const float32x4_t quanta = vmaxnmq_f32(vmulq_f32(vcvtq_f32_s32(sums), vld1q_f32(multipliers)), vdupq_n_f32(lo));
    return vaddq_s32(vcvtnq_s32_f32(vminnmq_f32(quanta, vdupq_n_f32(hi))), vdupq_n_s32(k->zero[2]));
}

/* Eight of them, as bytes. */
static inline void @bytes8_$I(int32x4_t a, int32x4_t b, const float *multipliers, const @codes *k, unsigned char *out)
{
    const int16x8_t words = vcombine_s16(vmovn_s32(@codes4_$I(a, multipliers, k)), vmovn_s32(@codes4_$I(b, multipliers + 4, k)));
    vst1_u8(out, vqmovun_s16(words));
}

