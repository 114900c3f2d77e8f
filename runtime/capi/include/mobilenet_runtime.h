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
#define MOBILENET_RT_ABI 1u

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

/* A feature map: groups of rows, channels blocked by 16 inside a group; group q lies in slot q % ring. */
typedef struct mobilenet_rt_map {
    size_t offset, height, width, channels, group, ring;
} mobilenet_rt_map;

/* Rows, then columns; the far border follows from the output's size. */
typedef struct mobilenet_rt_window {
    size_t kernel[2], stride[2], dilation[2], pad[2];
} mobilenet_rt_window;

/* min(hi, max(lo, x)), NaN passing through */
typedef struct mobilenet_rt_clamp {
    float lo, hi;
} mobilenet_rt_clamp;

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
    mobilenet_rt_clamp clamp;
    mobilenet_rt_map output;
    size_t scratch; /* staged input rows */
} mobilenet_rt_stem;

/* A depthwise convolution into a block of rows, then a pointwise one over it. */
typedef struct mobilenet_rt_separable {
    mobilenet_rt_map input;
    mobilenet_rt_window window;
    size_t depthwise;
    mobilenet_rt_clamp depthwise_clamp;
    size_t pointwise;
    mobilenet_rt_clamp clamp;
    mobilenet_rt_map output;
    size_t scratch; /* the block */
} mobilenet_rt_separable;

/* A depthwise convolution alone. */
typedef struct mobilenet_rt_depthwise {
    mobilenet_rt_map input;
    mobilenet_rt_window window;
    size_t weights;
    mobilenet_rt_clamp clamp;
    mobilenet_rt_map output;
} mobilenet_rt_depthwise;

/* A pointwise convolution alone. */
typedef struct mobilenet_rt_pointwise {
    mobilenet_rt_map input;
    size_t weights;
    mobilenet_rt_clamp clamp;
    mobilenet_rt_map output;
} mobilenet_rt_pointwise;

/* Any other convolution, its border zero. */
typedef struct mobilenet_rt_conv {
    mobilenet_rt_map input;
    mobilenet_rt_window window;
    size_t weights;
    mobilenet_rt_clamp clamp;
    mobilenet_rt_map output;
} mobilenet_rt_conv;

/* A dense layer of k inputs at offset input and n outputs. */
typedef struct mobilenet_rt_dense {
    size_t input, k, n, weights;
    mobilenet_rt_clamp clamp;
} mobilenet_rt_dense;

/* Stages executed depth-first, the last one block of rows at a time. */
typedef struct mobilenet_rt_stream {
    const mobilenet_rt_stem *stem; /* null where the first stage reads the arena */
    const mobilenet_rt_separable *stages;
    size_t count;
} mobilenet_rt_stream;

/* The library holds the same sizes. */
#define MOBILENET_RT_SIZE(type, words, clamps)                                                                         \
    typedef char type##_size[sizeof(type) == (words) * sizeof(size_t) + (clamps) * sizeof(mobilenet_rt_clamp) ? 1 : -1]
typedef char mobilenet_rt_size_t_size[sizeof(size_t) == sizeof(void *) ? 1 : -1];
MOBILENET_RT_SIZE(mobilenet_rt_inference, 5, 0);
MOBILENET_RT_SIZE(mobilenet_rt_map, 6, 0);
MOBILENET_RT_SIZE(mobilenet_rt_window, 8, 0);
MOBILENET_RT_SIZE(mobilenet_rt_source, 4, 0);
MOBILENET_RT_SIZE(mobilenet_rt_stem, 21, 1);
MOBILENET_RT_SIZE(mobilenet_rt_separable, 23, 2);
MOBILENET_RT_SIZE(mobilenet_rt_depthwise, 21, 1);
MOBILENET_RT_SIZE(mobilenet_rt_pointwise, 13, 1);
MOBILENET_RT_SIZE(mobilenet_rt_conv, 21, 1);
MOBILENET_RT_SIZE(mobilenet_rt_dense, 4, 1);
MOBILENET_RT_SIZE(mobilenet_rt_stream, 3, 0);
#undef MOBILENET_RT_SIZE

/*
 * Begins an inference. The arena lies at a multiple of 64, the weights at a multiple of 4, best of 64; both overlap nothing
 * else that is used and stay where they are until the last step. abi is MOBILENET_RT_ABI.
 */
void mobilenet_rt_begin(mobilenet_rt_inference *inference, uint32_t abi, const void *weights, size_t weight_bytes,
                        void *arena, size_t arena_bytes);

/* From the caller's input of length elements. A stream without a stem reads none: a null pointer and 0. */
void mobilenet_rt_run_stem_f32(mobilenet_rt_inference *inference, const mobilenet_rt_stem *stem, const float *input,
                               size_t length);
void mobilenet_rt_run_stem_u8(mobilenet_rt_inference *inference, const mobilenet_rt_stem *stem, const uint8_t *input,
                              size_t length);
void mobilenet_rt_run_stem_i8(mobilenet_rt_inference *inference, const mobilenet_rt_stem *stem, const int8_t *input,
                              size_t length);
void mobilenet_rt_run_stream_f32(mobilenet_rt_inference *inference, const mobilenet_rt_stream *stream,
                                 const float *input, size_t length);
void mobilenet_rt_run_stream_u8(mobilenet_rt_inference *inference, const mobilenet_rt_stream *stream,
                                const uint8_t *input, size_t length);
void mobilenet_rt_run_stream_i8(mobilenet_rt_inference *inference, const mobilenet_rt_stream *stream,
                                const int8_t *input, size_t length);
void mobilenet_rt_run_import_f32(mobilenet_rt_inference *inference, const mobilenet_rt_source *source,
                                 const mobilenet_rt_map *output, const float *input, size_t length);
void mobilenet_rt_run_import_u8(mobilenet_rt_inference *inference, const mobilenet_rt_source *source,
                                const mobilenet_rt_map *output, const uint8_t *input, size_t length);
void mobilenet_rt_run_import_i8(mobilenet_rt_inference *inference, const mobilenet_rt_source *source,
                                const mobilenet_rt_map *output, const int8_t *input, size_t length);

/* From the arena to the arena. */
void mobilenet_rt_run_separable(mobilenet_rt_inference *inference, const mobilenet_rt_separable *separable);
void mobilenet_rt_run_depthwise(mobilenet_rt_inference *inference, const mobilenet_rt_depthwise *depthwise);
void mobilenet_rt_run_pointwise(mobilenet_rt_inference *inference, const mobilenet_rt_pointwise *pointwise);
void mobilenet_rt_run_conv(mobilenet_rt_inference *inference, const mobilenet_rt_conv *conv);
void mobilenet_rt_run_pool(mobilenet_rt_inference *inference, const mobilenet_rt_map *input, size_t output);
void mobilenet_rt_run_dense(mobilenet_rt_inference *inference, const mobilenet_rt_dense *dense, size_t output);
void mobilenet_rt_run_softmax(mobilenet_rt_inference *inference, size_t offset, size_t n, int log);

/* To the caller's output of length elements; the softmax in place. */
void mobilenet_rt_run_pool_out(mobilenet_rt_inference *inference, const mobilenet_rt_map *input, float *output,
                               size_t length);
void mobilenet_rt_run_dense_out(mobilenet_rt_inference *inference, const mobilenet_rt_dense *dense, float *output,
                                size_t length);
void mobilenet_rt_run_softmax_out(mobilenet_rt_inference *inference, float *output, size_t length, int log);
void mobilenet_rt_run_export(mobilenet_rt_inference *inference, const mobilenet_rt_map *input, uint32_t layout,
                             float *output, size_t length);

#ifdef __cplusplus
}
#endif

#endif
