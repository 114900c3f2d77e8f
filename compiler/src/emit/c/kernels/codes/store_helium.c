/* Codes of four sums of columns. */
static inline int32x4_t @codes4(int32x4_t sums, float32x4_t multipliers, const @codes *k)
{
    const int32_t zero = k->zero[2];
    float32x4_t quanta = vmulq_f32(vcvtq_f32_s32(sums), multipliers);
    quanta = vmaxnmq_f32(quanta, vdupq_n_f32((float)(k->lo - zero))); /* the bound, if it is NaN */
    quanta = vminnmq_f32(quanta, vdupq_n_f32((float)(k->hi - zero)));
    return vaddq_n_s32(vcvtnq_s32_f32(quanta), zero);
}

