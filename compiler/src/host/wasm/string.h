/* The three functions of <string.h> that emitted C may use, for a target without a libc. */
#ifndef HOST_STRING_H
#define HOST_STRING_H
#include <stddef.h>
#ifdef __cplusplus
extern "C" {
#endif
void *memcpy(void *to, const void *from, size_t size);
void *memmove(void *to, const void *from, size_t size);
void *memset(void *to, int value, size_t size);
#ifdef __cplusplus
}
#endif
#endif
