/* Codes of four sums of columns: bounds are those of quanta, and become what is not a number. */
static inline int32x4_t @codes4(int32x4_t sums, float32x4_t multipliers, float32x4_t lo, float32x4_t hi, int32_t zero)
{
    const float32x4_t quanta = vmaxnmq_f32(vmulq_f32(vcvtq_f32_s32(sums), multipliers), lo);
    return vaddq_n_s32(vcvtnq_s32_f32(vminnmq_f32(quanta, hi)), zero);
}

