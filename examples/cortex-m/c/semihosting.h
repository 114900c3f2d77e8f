/* Output through a debugger or an emulator (Arm's "Semihosting for AArch32 and AArch64"). */
#ifndef SEMIHOSTING_H
#define SEMIHOSTING_H

#include <stddef.h>

void semihosting_print(const char *text);
void semihosting_exit(int code) __attribute__((noreturn));

/* Opens a file of the host to be read: a number, or -1. */
int semihosting_open(const char *path);

/* Reads bytes from an offset of a file: 0, or another number where there are not so many. */
int semihosting_read(int file, size_t offset, void *to, size_t bytes);

#endif
