/*
 * The kernels of the Rust crate mobilenet-runtime for C, built by
 *
 *     cargo build --release -p mobilenet-runtime-capi
 *
 * Written for the code of `mobilenetc build --kernels runtime`, which holds descriptors of a model's steps and a straight
 * line of calls. Offsets are bytes, into the arena for maps and scratch, into the packed weights for panels.
 */
#ifndef MOBILENET_RUNTIME_H
#define MOBILENET_RUNTIME_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Version of the contract between the code, this header and the library. */
#define MOBILENET_RT_ABI 4u

/* mobilenet_rt_inference.status */
#define MOBILENET_RT_OK 0
#define MOBILENET_RT_ERROR_ABI 1       /* the library is of another version than this header */
#define MOBILENET_RT_ERROR_NULL 2      /* a pointer is null */
#define MOBILENET_RT_ERROR_ALIGNMENT 3 /* the arena is not at a multiple of 64, or floats not at a multiple of 4 */
#define MOBILENET_RT_ERROR_REFUSED 4   /* a descriptor does not fit the arena, the weights, the input or the output */

/* One inference under way. Set up by mobilenet_rt_begin; the first error stays, and steps behind it do nothing. */
typedef struct mobilenet_rt_inference {
    const void *weights;
    size_t weight_bytes;
    void *arena;
    size_t arena_bytes;
    int32_t status;
} mobilenet_rt_inference;

/* A feature map: groups of rows, channels blocked by 16 inside a group; group q lies in slot q % ring. Elements have 4 bytes, floats,
 * or 1, codes: those of signed types with 128 added. */
typedef struct mobilenet_rt_map {
    size_t offset, height, width, channels, group, ring, bytes;
} mobilenet_rt_map;

/* What codes stand for: (code - zero) * scale; of what is absent the scale is 0. */
typedef struct mobilenet_rt_quant {
    float scale;
    int32_t zero;
} mobilenet_rt_quant;

/* How a link computes codes, from lo to hi. */
typedef struct mobilenet_rt_codes {
    mobilenet_rt_quant input, second, output; /* second: of the residual or the gate */
    int32_t lo, hi;
    uint32_t product; /* whether an elementwise link multiplies, 1, or adds, 0 */
    uint32_t extras;  /* quads that a panel of sums has twice, or further parts of depthwise weights */
    size_t table;     /* 256 codes in the weights instead, or MOBILENET_RT_NONE */
} mobilenet_rt_codes;

/* Rows, then columns; the far border follows from the output's size. */
typedef struct mobilenet_rt_window {
    size_t kernel[2], stride[2], dilation[2], pad[2];
} mobilenet_rt_window;

/* An offset of what is absent; a map of height 0 is absent, too. */
#define MOBILENET_RT_NONE SIZE_MAX

#define MOBILENET_RT_ACTIVATION_CLAMP 0u        /* min(b, max(a, x)) */
#define MOBILENET_RT_ACTIVATION_HARD_SWISH 1u   /* x * clamp(x / 6 + 1/2, 0, 1) */
#define MOBILENET_RT_ACTIVATION_HARD_SIGMOID 2u /* clamp(a * x + b, 0, 1) */
#define MOBILENET_RT_ACTIVATION_SIGMOID 3u      /* 1 / (1 + exp(-x)) */
#define MOBILENET_RT_ACTIVATION_SWISH 4u        /* x / (1 + exp(-x)) */
#define MOBILENET_RT_ACTIVATION_TANH 5u         /* the hyperbolic tangent */
#define MOBILENET_RT_ACTIVATION_LEAKY_RELU 6u   /* x where not negative, else a * x */

/* A function of one number. */
typedef struct mobilenet_rt_activation {
    uint32_t kind;
    float a, b;
} mobilenet_rt_activation;

/* What happens to each value before it is stored, in this order: times the gate, plus the residual, the activation, slopes,
 * affine. Vectors have a float per channel and the padding of a map. */
typedef struct mobilenet_rt_epilogue {
    size_t gate;          /* a vector in the arena, or MOBILENET_RT_NONE */
    mobilenet_rt_map add; /* a map of the output's shape, or none */
    mobilenet_rt_activation activation;
    size_t slopes; /* a vector in the weights that negative values are multiplied with, or MOBILENET_RT_NONE */
    size_t affine; /* scales, then offsets in the weights, or MOBILENET_RT_NONE */
} mobilenet_rt_epilogue;

/* Bounds alone. */
#define MOBILENET_RT_CLAMP(lo, hi)                                                                                     \
    {                                                                                                                  \
        MOBILENET_RT_NONE, {0, 0, 0, 0, 0, 0, 0}, {MOBILENET_RT_ACTIVATION_CLAMP, lo, hi}, MOBILENET_RT_NONE,          \
            MOBILENET_RT_NONE                                                                                          \
    }

#define MOBILENET_RT_NCHW 0u
#define MOBILENET_RT_NHWC 1u

/* The caller's input, one image. */
typedef struct mobilenet_rt_source {
    size_t height, width, channels;
    uint32_t layout;
} mobilenet_rt_source;

/* The first convolution. */
typedef struct mobilenet_rt_stem {
    mobilenet_rt_source input;
    mobilenet_rt_window window;
    size_t weights;
    const float *pad_values; /* border value of each input channel */
    mobilenet_rt_epilogue epilogue;
    mobilenet_rt_map output;
    size_t scratch; /* staged input rows */
    const mobilenet_rt_codes *codes; /* of an output of codes, or null */
} mobilenet_rt_stem;

/* A dense layer of k inputs at offset input and n outputs. */
typedef struct mobilenet_rt_dense {
    size_t input, k, n, weights;
    mobilenet_rt_epilogue epilogue;
} mobilenet_rt_dense;

#define MOBILENET_RT_LINK_CONV 0u         /* any convolution, in groups */
#define MOBILENET_RT_LINK_DEPTHWISE 1u    /* each channel by itself */
#define MOBILENET_RT_LINK_POINTWISE 2u    /* 1x1; input and output have the same groups of rows */
#define MOBILENET_RT_LINK_MAX_POOL 3u     /* neither the border nor a NaN ever wins */
#define MOBILENET_RT_LINK_AVERAGE_POOL 4u /* of the whole window where groups is 1, of its part inside the map where it is 0 */
#define MOBILENET_RT_LINK_ELEMENTWISE 5u  /* the epilogue alone */
#define MOBILENET_RT_LINK_MEAN 6u         /* of a whole map, last in its chain; the output is a map of one pixel */

/* One computation of a chain. */
typedef struct mobilenet_rt_link {
    uint32_t kind;
    size_t groups; /* of channels; 1 where nothing else is said */
    mobilenet_rt_map input;
    mobilenet_rt_window window; /* of size, stride and dilation 1 and without border where there is none */
    size_t weights;             /* or MOBILENET_RT_NONE */
    mobilenet_rt_epilogue epilogue;
    mobilenet_rt_map output;
    const mobilenet_rt_codes *codes; /* of maps of codes, valid, or null */
} mobilenet_rt_link;

/* Links executed depth-first, 64 at most; each reads what the one before writes. */
typedef struct mobilenet_rt_chain {
    const mobilenet_rt_stem *stem; /* null where the first link reads the arena */
    const mobilenet_rt_link *links;
    size_t count;
} mobilenet_rt_chain;

/* The library holds the same places and sizes, in words and in numbers of 4 bytes. */
#define MOBILENET_RT_AT(type, field, words, numbers)                                                                   \
    typedef char type##_##field##_at[offsetof(type, field) == (words) * sizeof(size_t) + (numbers) * 4 ? 1 : -1]
#define MOBILENET_RT_SIZE(type, words, numbers)                                                                        \
    typedef char type##_size[sizeof(type) == (words) * sizeof(size_t) + (numbers) * 4 ? 1 : -1]
/* Three numbers of 4 bytes, and what aligns the word behind them. */
#define MOBILENET_RT_THREE (sizeof(size_t) == 8 ? 4 : 3)
typedef char mobilenet_rt_size_t_size[sizeof(size_t) == sizeof(void *) ? 1 : -1];
MOBILENET_RT_AT(mobilenet_rt_inference, weights, 0, 0);
MOBILENET_RT_AT(mobilenet_rt_inference, weight_bytes, 1, 0);
MOBILENET_RT_AT(mobilenet_rt_inference, arena, 2, 0);
MOBILENET_RT_AT(mobilenet_rt_inference, arena_bytes, 3, 0);
MOBILENET_RT_AT(mobilenet_rt_inference, status, 4, 0);
MOBILENET_RT_SIZE(mobilenet_rt_inference, 5, 0);
MOBILENET_RT_AT(mobilenet_rt_map, offset, 0, 0);
MOBILENET_RT_AT(mobilenet_rt_map, height, 1, 0);
MOBILENET_RT_AT(mobilenet_rt_map, width, 2, 0);
MOBILENET_RT_AT(mobilenet_rt_map, channels, 3, 0);
MOBILENET_RT_AT(mobilenet_rt_map, group, 4, 0);
MOBILENET_RT_AT(mobilenet_rt_map, ring, 5, 0);
MOBILENET_RT_AT(mobilenet_rt_map, bytes, 6, 0);
MOBILENET_RT_SIZE(mobilenet_rt_map, 7, 0);
MOBILENET_RT_AT(mobilenet_rt_quant, scale, 0, 0);
MOBILENET_RT_AT(mobilenet_rt_quant, zero, 0, 1);
MOBILENET_RT_SIZE(mobilenet_rt_quant, 0, 2);
MOBILENET_RT_AT(mobilenet_rt_codes, input, 0, 0);
MOBILENET_RT_AT(mobilenet_rt_codes, second, 0, 2);
MOBILENET_RT_AT(mobilenet_rt_codes, output, 0, 4);
MOBILENET_RT_AT(mobilenet_rt_codes, lo, 0, 6);
MOBILENET_RT_AT(mobilenet_rt_codes, hi, 0, 7);
MOBILENET_RT_AT(mobilenet_rt_codes, product, 0, 8);
MOBILENET_RT_AT(mobilenet_rt_codes, extras, 0, 9);
MOBILENET_RT_AT(mobilenet_rt_codes, table, 0, 10);
MOBILENET_RT_SIZE(mobilenet_rt_codes, 1, 10);
MOBILENET_RT_AT(mobilenet_rt_window, kernel, 0, 0);
MOBILENET_RT_AT(mobilenet_rt_window, stride, 2, 0);
MOBILENET_RT_AT(mobilenet_rt_window, dilation, 4, 0);
MOBILENET_RT_AT(mobilenet_rt_window, pad, 6, 0);
MOBILENET_RT_SIZE(mobilenet_rt_window, 8, 0);
MOBILENET_RT_AT(mobilenet_rt_activation, kind, 0, 0);
MOBILENET_RT_AT(mobilenet_rt_activation, a, 0, 1);
MOBILENET_RT_AT(mobilenet_rt_activation, b, 0, 2);
MOBILENET_RT_SIZE(mobilenet_rt_activation, 0, 3);
MOBILENET_RT_AT(mobilenet_rt_epilogue, gate, 0, 0);
MOBILENET_RT_AT(mobilenet_rt_epilogue, add, 1, 0);
MOBILENET_RT_AT(mobilenet_rt_epilogue, activation, 8, 0);
MOBILENET_RT_AT(mobilenet_rt_epilogue, slopes, 8, MOBILENET_RT_THREE);
MOBILENET_RT_AT(mobilenet_rt_epilogue, affine, 9, MOBILENET_RT_THREE);
MOBILENET_RT_SIZE(mobilenet_rt_epilogue, 10, MOBILENET_RT_THREE);
MOBILENET_RT_AT(mobilenet_rt_source, height, 0, 0);
MOBILENET_RT_AT(mobilenet_rt_source, width, 1, 0);
MOBILENET_RT_AT(mobilenet_rt_source, channels, 2, 0);
MOBILENET_RT_AT(mobilenet_rt_source, layout, 3, 0);
MOBILENET_RT_SIZE(mobilenet_rt_source, 4, 0);
MOBILENET_RT_AT(mobilenet_rt_stem, input, 0, 0);
MOBILENET_RT_AT(mobilenet_rt_stem, window, 4, 0);
MOBILENET_RT_AT(mobilenet_rt_stem, weights, 12, 0);
MOBILENET_RT_AT(mobilenet_rt_stem, pad_values, 13, 0);
MOBILENET_RT_AT(mobilenet_rt_stem, epilogue, 14, 0);
MOBILENET_RT_AT(mobilenet_rt_stem, output, 24, MOBILENET_RT_THREE);
MOBILENET_RT_AT(mobilenet_rt_stem, scratch, 31, MOBILENET_RT_THREE);
MOBILENET_RT_AT(mobilenet_rt_stem, codes, 32, MOBILENET_RT_THREE);
MOBILENET_RT_SIZE(mobilenet_rt_stem, 33, MOBILENET_RT_THREE);
MOBILENET_RT_AT(mobilenet_rt_link, kind, 0, 0);
MOBILENET_RT_AT(mobilenet_rt_link, groups, 1, 0);
MOBILENET_RT_AT(mobilenet_rt_link, input, 2, 0);
MOBILENET_RT_AT(mobilenet_rt_link, window, 9, 0);
MOBILENET_RT_AT(mobilenet_rt_link, weights, 17, 0);
MOBILENET_RT_AT(mobilenet_rt_link, epilogue, 18, 0);
MOBILENET_RT_AT(mobilenet_rt_link, output, 28, MOBILENET_RT_THREE);
MOBILENET_RT_AT(mobilenet_rt_link, codes, 35, MOBILENET_RT_THREE);
MOBILENET_RT_SIZE(mobilenet_rt_link, 36, MOBILENET_RT_THREE);
MOBILENET_RT_AT(mobilenet_rt_chain, stem, 0, 0);
MOBILENET_RT_AT(mobilenet_rt_chain, links, 1, 0);
MOBILENET_RT_AT(mobilenet_rt_chain, count, 2, 0);
MOBILENET_RT_SIZE(mobilenet_rt_chain, 3, 0);
MOBILENET_RT_AT(mobilenet_rt_dense, input, 0, 0);
MOBILENET_RT_AT(mobilenet_rt_dense, k, 1, 0);
MOBILENET_RT_AT(mobilenet_rt_dense, n, 2, 0);
MOBILENET_RT_AT(mobilenet_rt_dense, weights, 3, 0);
MOBILENET_RT_AT(mobilenet_rt_dense, epilogue, 4, 0);
MOBILENET_RT_SIZE(mobilenet_rt_dense, 14, MOBILENET_RT_THREE);
#undef MOBILENET_RT_AT
#undef MOBILENET_RT_SIZE
#undef MOBILENET_RT_THREE

/*
 * Begins an inference. The arena lies at a multiple of 64, the weights at a multiple of 4, best of 64; both overlap nothing
 * else that is used and stay where they are until the last step. abi is MOBILENET_RT_ABI.
 */
void mobilenet_rt_begin(mobilenet_rt_inference *inference, uint32_t abi, const void *weights, size_t weight_bytes,
                        void *arena, size_t arena_bytes);

/* From the caller's input of length elements. A chain without a stem reads none: a null pointer and 0. */
void mobilenet_rt_run_chain_f32(mobilenet_rt_inference *inference, const mobilenet_rt_chain *chain, const float *input,
                                size_t length);
void mobilenet_rt_run_chain_u8(mobilenet_rt_inference *inference, const mobilenet_rt_chain *chain, const uint8_t *input,
                               size_t length);
void mobilenet_rt_run_chain_i8(mobilenet_rt_inference *inference, const mobilenet_rt_chain *chain, const int8_t *input,
                               size_t length);
void mobilenet_rt_run_chain_f16(mobilenet_rt_inference *inference, const mobilenet_rt_chain *chain,
                                const uint16_t *input, size_t length);
void mobilenet_rt_run_import_f32(mobilenet_rt_inference *inference, const mobilenet_rt_source *source,
                                 const mobilenet_rt_map *output, const float *input, size_t length);
void mobilenet_rt_run_import_u8(mobilenet_rt_inference *inference, const mobilenet_rt_source *source,
                                const mobilenet_rt_map *output, const uint8_t *input, size_t length);
void mobilenet_rt_run_import_i8(mobilenet_rt_inference *inference, const mobilenet_rt_source *source,
                                const mobilenet_rt_map *output, const int8_t *input, size_t length);
void mobilenet_rt_run_import_f16(mobilenet_rt_inference *inference, const mobilenet_rt_source *source,
                                 const mobilenet_rt_map *output, const uint16_t *input, size_t length);

/*
 * From rows, each of which read fills where it lies at byte row of the arena: called with context, the first row, how many, and where
 * their elements go; it writes nothing else of the arena, and returns. Where the last link is a mean and length is not 0, that goes to
 * output.
 */
void mobilenet_rt_run_chain_rows_f32(mobilenet_rt_inference *inference, const mobilenet_rt_chain *chain, size_t row,
                                     void (*read)(void *, size_t, size_t, float *), void *context, float *output,
                                     size_t length);
void mobilenet_rt_run_chain_rows_u8(mobilenet_rt_inference *inference, const mobilenet_rt_chain *chain, size_t row,
                                     void (*read)(void *, size_t, size_t, uint8_t *), void *context, float *output,
                                     size_t length);
void mobilenet_rt_run_chain_rows_i8(mobilenet_rt_inference *inference, const mobilenet_rt_chain *chain, size_t row,
                                     void (*read)(void *, size_t, size_t, int8_t *), void *context, float *output,
                                     size_t length);
void mobilenet_rt_run_chain_rows_f16(mobilenet_rt_inference *inference, const mobilenet_rt_chain *chain, size_t row,
                                     void (*read)(void *, size_t, size_t, uint16_t *), void *context, float *output,
                                     size_t length);

/* Into a map of codes: floats become codes, bytes are some. */
void mobilenet_rt_run_import_codes_f32(mobilenet_rt_inference *inference, const mobilenet_rt_source *source,
                                       const mobilenet_rt_map *output, const mobilenet_rt_quant *quant,
                                       const float *input, size_t length);
void mobilenet_rt_run_import_codes_f16(mobilenet_rt_inference *inference, const mobilenet_rt_source *source,
                                       const mobilenet_rt_map *output, const mobilenet_rt_quant *quant,
                                       const uint16_t *input, size_t length);
void mobilenet_rt_run_import_codes_u8(mobilenet_rt_inference *inference, const mobilenet_rt_source *source,
                                      const mobilenet_rt_map *output, const mobilenet_rt_quant *quant,
                                      const uint8_t *input, size_t length);
void mobilenet_rt_run_import_codes_i8(mobilenet_rt_inference *inference, const mobilenet_rt_source *source,
                                      const mobilenet_rt_map *output, const mobilenet_rt_quant *quant,
                                      const int8_t *input, size_t length);

/* From the arena to the arena. */
void mobilenet_rt_run_dense(mobilenet_rt_inference *inference, const mobilenet_rt_dense *dense, size_t output);

/* From the arena to the arena, in place: n floats, or the middle axis of [outer][n][inner], at byte offset. */
void mobilenet_rt_run_activate(mobilenet_rt_inference *inference, const mobilenet_rt_activation *activation,
                               size_t offset, size_t n);
void mobilenet_rt_run_softmax(mobilenet_rt_inference *inference, size_t offset, size_t outer, size_t n, size_t inner,
                              int log);
void mobilenet_rt_run_normalize(mobilenet_rt_inference *inference, size_t offset, size_t outer, size_t n, size_t inner,
                                uint32_t p, float epsilon);

/* Between a map of codes and one of floats of the same shape and groups, either way. */
void mobilenet_rt_run_convert(mobilenet_rt_inference *inference, const mobilenet_rt_map *input,
                              const mobilenet_rt_map *output, const mobilenet_rt_quant *quant);

/* A map into channels channel and further of another, both of floats or of codes. */
void mobilenet_rt_run_copy(mobilenet_rt_inference *inference, const mobilenet_rt_map *input,
                           const mobilenet_rt_map *output, size_t channel);
/* A map to byte offset, where it does not lie itself. */
void mobilenet_rt_run_export_at(mobilenet_rt_inference *inference, const mobilenet_rt_map *input, uint32_t layout,
                                size_t offset);

/* To the caller's output of length elements; activation, softmax and norm in place. */
void mobilenet_rt_run_chain_f32_mean_out(mobilenet_rt_inference *inference, const mobilenet_rt_chain *chain,
                                         const float *input, size_t input_length, float *output, size_t length);
void mobilenet_rt_run_chain_u8_mean_out(mobilenet_rt_inference *inference, const mobilenet_rt_chain *chain,
                                        const uint8_t *input, size_t input_length, float *output, size_t length);
void mobilenet_rt_run_chain_i8_mean_out(mobilenet_rt_inference *inference, const mobilenet_rt_chain *chain,
                                        const int8_t *input, size_t input_length, float *output, size_t length);
void mobilenet_rt_run_chain_f16_mean_out(mobilenet_rt_inference *inference, const mobilenet_rt_chain *chain,
                                         const uint16_t *input, size_t input_length, float *output, size_t length);
void mobilenet_rt_run_activate_out(mobilenet_rt_inference *inference, const mobilenet_rt_activation *activation,
                                   float *output, size_t length);
void mobilenet_rt_run_normalize_out(mobilenet_rt_inference *inference, float *output, size_t length, size_t n,
                                    size_t inner, uint32_t p, float epsilon);
/* From the array [outer][n][inner] at byte offset: indices of the largest, of several the first or, where last, the last. */
void mobilenet_rt_run_argmax(mobilenet_rt_inference *inference, size_t offset, size_t outer, size_t n, size_t inner,
                             int last, int64_t *output, size_t length);
/* From length floats at byte offset: as IEEE binary16 bits, rounded to the nearest, ties to even. */
void mobilenet_rt_run_halve(mobilenet_rt_inference *inference, size_t offset, uint16_t *output, size_t length);
void mobilenet_rt_run_dense_out(mobilenet_rt_inference *inference, const mobilenet_rt_dense *dense, float *output,
                                size_t length);
void mobilenet_rt_run_softmax_out(mobilenet_rt_inference *inference, float *output, size_t length, size_t n,
                                  size_t inner, int log);
void mobilenet_rt_run_export(mobilenet_rt_inference *inference, const mobilenet_rt_map *input, uint32_t layout,
                             float *output, size_t length);
void mobilenet_rt_run_export_u8(mobilenet_rt_inference *inference, const mobilenet_rt_map *input, uint32_t layout,
                                uint8_t *output, size_t length);
void mobilenet_rt_run_export_i8(mobilenet_rt_inference *inference, const mobilenet_rt_map *input, uint32_t layout,
                                int8_t *output, size_t length);

#ifdef __cplusplus
}
#endif

#endif
