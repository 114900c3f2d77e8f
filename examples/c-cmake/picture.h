/* Pictures from files. */
#ifndef PICTURE_H
#define PICTURE_H

#include <stddef.h>
#include <stdint.h>

/* Reads a binary PGM or PPM file (P5, P6) of any size into pixels[height][width][channels], where `channels` is 1 for grey
 * or 3 for red, green and blue: the middle of the picture, as much as has that aspect ratio, resized.
 * Returns NULL, or what is wrong; `pixels` is then as it was. */
const char *picture_read(const char *path, size_t height, size_t width, size_t channels, uint8_t *pixels);

#endif
