/* Output through a debugger or an emulator (Arm's "Semihosting for AArch32 and AArch64"). */
#ifndef SEMIHOSTING_H
#define SEMIHOSTING_H

void semihosting_print(const char *text);
void semihosting_exit(int code) __attribute__((noreturn));

#endif
