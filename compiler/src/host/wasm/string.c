/* memcpy, memmove and memset, for want of a libc. */
#include "string.h"

void *memcpy(void *restrict to, const void *restrict from, size_t size) { return memmove(to, from, size); }

void *memmove(void *to, const void *from, size_t size) {
    char *t = to;
    const char *f = from;
    if (t < f) {
        for (size_t i = 0; i < size; i++) t[i] = f[i];
    } else {
        while (size-- > 0) t[size] = f[size];
    }
    return to;
}

void *memset(void *to, int value, size_t size) {
    for (size_t i = 0; i < size; i++) ((char *)to)[i] = (char)value;
    return to;
}
