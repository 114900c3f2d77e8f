#include "picture.h"
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_SIDE = 16384, MOST_SAMPLE = 65535 };

/* A decoded file: samples[height][width][channels]. */
struct picture {
    size_t height, width, channels;
    uint8_t *samples;
};

/* What stands in front of the pixels. */
struct header {
    size_t channels, width, height;
    unsigned maximum;
};

/* The source pixels that one pixel of the result is an average of, along one axis. */
struct span {
    size_t first, end;
    double centre, reach;
};

/* The next number of the header, behind blanks and comments, with the blank that ends it. 0 where none from 1 to `most` follows. */
static unsigned number(FILE *file, unsigned most)
{
    unsigned value = 0;
    int c = getc(file);
    while (isspace(c) || c == '#') {
        if (c == '#') {
            while (c != '\n' && c != '\r' && c != EOF) {
                c = getc(file);
            }
        } else {
            c = getc(file);
        }
    }
    for (; isdigit(c) && value <= most; c = getc(file)) {
        value = value * 10 + (unsigned)(c - '0');
    }
    return isspace(c) && value <= most ? value : 0;
}

static const char *read_header(FILE *file, struct header *found)
{
    const int first = getc(file), second = getc(file);
    if (ferror(file)) {
        return strerror(errno);
    }
    if (first != 'P' || (second != '5' && second != '6')) {
        return "no binary PGM or PPM picture (P5, P6); ImageMagick makes one: magick picture.png picture.ppm";
    }
    found->channels = second == '5' ? 1 : 3;
    found->width = number(file, MOST_SIDE);
    found->height = number(file, MOST_SIDE);
    found->maximum = number(file, MOST_SAMPLE);
    if (found->width == 0 || found->height == 0 || found->maximum == 0) {
        return "the header is damaged: P5 or P6, width and height of 1 to 16384, and a maximum of 1 to 65535 expected";
    }
    return NULL;
}

/* One sample, scaled to 0 to 255; -1 at the end of the file, -2 above the maximum. */
static int read_sample(FILE *file, unsigned maximum)
{
    int high = 0, low;
    unsigned value;
    if (maximum > 255) {
        high = getc(file);
    }
    low = getc(file);
    if (high == EOF || low == EOF) {
        return -1;
    }
    value = (unsigned)high << 8 | (unsigned)low;
    return value > maximum ? -2 : (int)((value * 255 + maximum / 2) / maximum);
}

/* Reads one pixel and stores it in the picture's channels. */
static const char *read_pixel(FILE *file, const struct header *header, size_t channels, uint8_t *to)
{
    int rgb[3] = {0, 0, 0};
    size_t i;
    for (i = 0; i < 3; i++) {
        rgb[i] = i < header->channels ? read_sample(file, header->maximum) : rgb[0];
        if (rgb[i] < 0) {
            return rgb[i] == -1 ? "the file ends before its picture does" : "a pixel exceeds the maximum in the header";
        }
    }
    if (channels == 1) {
        to[0] = (uint8_t)((rgb[0] * 19595 + rgb[1] * 38470 + rgb[2] * 7471 + 0x8000) >> 16); /* luma of ITU-R BT.601 */
    } else {
        for (i = 0; i < 3; i++) {
            to[i] = (uint8_t)rgb[i];
        }
    }
    return NULL;
}

/* Decodes a file into memory that the caller frees, also after an error. */
static const char *decode(FILE *file, struct picture *picture)
{
    struct header header = {0, 0, 0, 0};
    const char *problem = read_header(file, &header);
    size_t i;
    if (problem) {
        return problem;
    }
    picture->height = header.height;
    picture->width = header.width;
    picture->samples = malloc(header.height * header.width * picture->channels);
    if (!picture->samples) {
        return "not enough memory for a picture of this size";
    }
    for (i = 0; i < header.height * header.width && !problem; i++) {
        problem = read_pixel(file, &header, picture->channels, picture->samples + i * picture->channels);
    }
    return problem;
}

/* For pixel `i` of `to`, in an axis of `size` pixels of which the middle `from` become `to`. */
static struct span span_of(size_t i, size_t to, size_t from, size_t size)
{
    const size_t start = (size - from) / 2;
    const double scale = (double)from / (double)to;
    struct span span;
    span.reach = scale > 1 ? scale : 1;
    span.centre = (double)start + ((double)i + 0.5) * scale;
    span.first = span.centre > (double)start + span.reach ? (size_t)(span.centre - span.reach) : start;
    span.end = (size_t)(span.centre + span.reach) + 1;
    span.end = span.end < start + from ? span.end : start + from;
    return span;
}

/* Falls linearly with the distance from the centre: interpolation where a picture grows, an average where it shrinks. */
static double weight(const struct span *span, size_t at)
{
    const double distance = ((double)at + 0.5 - span->centre) / span->reach;
    const double share = 1 - (distance < 0 ? -distance : distance);
    return share > 0 ? share : 0;
}

static uint8_t average(const struct picture *picture, const struct span *rows, const struct span *columns, size_t channel)
{
    double sum = 0, weights = 0;
    size_t y, x;
    for (y = rows->first; y < rows->end; y++) {
        const double row = weight(rows, y);
        for (x = columns->first; x < columns->end; x++) {
            const double share = row * weight(columns, x);
            sum += share * picture->samples[(y * picture->width + x) * picture->channels + channel];
            weights += share;
        }
    }
    return (uint8_t)(sum / weights + 0.5);
}

static void fit(const struct picture *picture, size_t height, size_t width, uint8_t *pixels)
{
    const size_t channels = picture->channels;
    size_t from_height = picture->height, from_width = picture->width, y, x, c;
    if (from_width * height > from_height * width) {
        from_width = from_height * width / height;
    } else {
        from_height = from_width * height / width;
    }
    from_height += from_height == 0;
    from_width += from_width == 0;
    for (y = 0; y < height; y++) {
        const struct span rows = span_of(y, height, from_height, picture->height);
        for (x = 0; x < width; x++) {
            const struct span columns = span_of(x, width, from_width, picture->width);
            for (c = 0; c < channels; c++) {
                pixels[(y * width + x) * channels + c] = average(picture, &rows, &columns, c);
            }
        }
    }
}

const char *picture_read(const char *path, size_t height, size_t width, size_t channels, uint8_t *pixels)
{
    struct picture picture = {0, 0, 0, NULL};
    const char *problem;
    FILE *file;
    if (channels != 1 && channels != 3) {
        return "the model reads neither grey nor RGB pictures";
    }
    file = fopen(path, "rb");
    if (!file) {
        return strerror(errno);
    }
    picture.channels = channels;
    problem = decode(file, &picture);
    if (!problem) {
        fit(&picture, height, width, pixels);
    }
    free(picture.samples);
    fclose(file);
    return problem;
}
