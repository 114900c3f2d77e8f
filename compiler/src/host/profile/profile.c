/* Times each step of the emitted code, and measures what the processor could do. */
#define _POSIX_C_SOURCE 200809L
#include "net.h"
#include "profile.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

static uint64_t spent[NET_STAGES + 1];
static uint64_t began;

static uint64_t now(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

void net_profile_begin(int step)
{
    (void)step;
    began = now();
}

void net_profile_end(int step)
{
    spent[step] += now() - began;
}

/* Nanoseconds per step since the last call. */
void net_profile_take(uint64_t *nanoseconds)
{
    memcpy(nanoseconds, spent, NET_STAGES * sizeof *spent);
    memset(spent, 0, sizeof spent);
}

/* CHAINS multiply-adds that do not wait for each other, as many as cover their latency, all in registers. */
#define LOOP(T, SET, MULTIPLY_ADD)                     \
    const T by = SET(0.5f), plus = SET(0.25f);         \
    T a[CHAINS];                                       \
    uint64_t i;                                        \
    size_t j;                                          \
    for (j = 0; j < CHAINS; j++) {                     \
        a[j] = SET((float)j);                          \
    }                                                  \
    for (i = 0; i < rounds; i++) {                     \
        for (j = 0; j < CHAINS; j++) {                 \
            a[j] = MULTIPLY_ADD(by, plus, a[j]);       \
        }                                              \
    }                                                  \
    for (j = 0; j < CHAINS; j++) {                     \
        memcpy(sink[j], &a[j], sizeof a[j]);           \
    }

/* Every chain ends here, so that none is optimised away. */
float sink[24][16];

#if defined(__x86_64__)
#define CHAINS 12
#define MULTIPLY_ADD_128(a, b, c) _mm_add_ps(_mm_mul_ps(a, c), b)

__attribute__((target("avx512f"))) static void loop_512(uint64_t rounds)
{
    LOOP(__m512, _mm512_set1_ps, _mm512_fmadd_ps)
}

__attribute__((target("avx2,fma"))) static void loop_256(uint64_t rounds)
{
    LOOP(__m256, _mm256_set1_ps, _mm256_fmadd_ps)
}

static void loop_128(uint64_t rounds)
{
    LOOP(__m128, _mm_set1_ps, MULTIPLY_ADD_128)
}

/* Runs the widest loop that the emitted kernels may use; returns the multiply-adds of one round. */
uint64_t net_profile_peak(uint64_t rounds)
{
#if defined(NET_LEVEL)
    const int level = NET_LEVEL;
#else
    const int fma = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    const int level = !fma ? 0 : __builtin_cpu_supports("avx512f") ? 2 : 1;
#endif
    if (level == 2) {
        loop_512(rounds);
    } else if (level == 1) {
        loop_256(rounds);
    } else {
        loop_128(rounds);
    }
    return CHAINS * (uint64_t)(4 << level);
}
#elif defined(__aarch64__)
#define CHAINS 24
#define MULTIPLY_ADD(a, b, c) vfmaq_f32(c, a, b)

uint64_t net_profile_peak(uint64_t rounds)
{
    LOOP(float32x4_t, vdupq_n_f32, MULTIPLY_ADD)
    return CHAINS * 4;
}
#else
#define CHAINS 12

uint64_t net_profile_peak(uint64_t rounds)
{
    const float by = 0.5f, plus = 0.25f;
    float a[CHAINS];
    uint64_t i;
    size_t j;
    for (j = 0; j < CHAINS; j++) {
        a[j] = (float)j;
    }
    for (i = 0; i < rounds; i++) {
        for (j = 0; j < CHAINS; j++) {
            a[j] = a[j] * by + plus;
        }
    }
    for (j = 0; j < CHAINS; j++) {
        sink[j][0] = a[j];
    }
    return CHAINS;
}
#endif
