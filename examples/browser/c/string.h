/* The three functions of <string.h> that emitted C uses, for a target without a libc. */
#ifndef BROWSER_STRING_H
#define BROWSER_STRING_H
#include <stddef.h>
void *memcpy(void *restrict to, const void *restrict from, size_t size);
void *memmove(void *to, const void *from, size_t size);
void *memset(void *to, int value, size_t size);
#endif
