#include "semihosting.h"
#include <stdint.h>
#include <string.h>

enum { SYS_OPEN = 0x01, SYS_WRITE0 = 0x04, SYS_READ = 0x06, SYS_SEEK = 0x0a, SYS_EXIT_EXTENDED = 0x20 };
#define APPLICATION_EXIT 0x20026u

static int call(uint32_t operation, const void *argument)
{
    register uint32_t r0 __asm("r0") = operation;
    register const void *r1 __asm("r1") = argument;
    __asm volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return (int)r0;
}

void semihosting_print(const char *text)
{
    call(SYS_WRITE0, text);
}

void semihosting_exit(int code)
{
    const uint32_t block[2] = {APPLICATION_EXIT, (uint32_t)code};
    call(SYS_EXIT_EXTENDED, block);
    for (;;) {
    }
}

int semihosting_open(const char *path)
{
    const uint32_t block[3] = {(uint32_t)path, 1 /* "rb" */, (uint32_t)strlen(path)};
    return call(SYS_OPEN, block);
}

int semihosting_read(int file, size_t offset, void *to, size_t bytes)
{
    const uint32_t seek[2] = {(uint32_t)file, (uint32_t)offset}, read[3] = {(uint32_t)file, (uint32_t)to, (uint32_t)bytes};
    return call(SYS_SEEK, seek) != 0 ? -1 : call(SYS_READ, read);
}
