/* What runs before main on a Cortex-M with a floating-point unit. */
#include "semihosting.h"
#include <stddef.h>
#include <stdint.h>

extern uint32_t data_start[], data_end[], bss_start[], bss_end[], stack_top[];
extern const uint32_t data_load[];

int main(void);
void reset(void);

static void fault(void)
{
    semihosting_print("fault\n");
    semihosting_exit(255);
}

typedef void handler(void);

/* The initial stack pointer, then the handlers of reset, NMI and the faults. */
static const struct {
    uint32_t *stack;
    handler *handlers[6];
} vectors __attribute__((section(".vectors"), used)) = {stack_top, {reset, fault, fault, fault, fault, fault}};

void reset(void)
{
    volatile uint32_t *const coprocessor_access = (volatile uint32_t *)0xE000ED88u;
    size_t i;
    *coprocessor_access |= 0xFu << 20; /* the floating-point unit */
    __asm volatile("dsb\n\tisb" ::: "memory");
    for (i = 0; i < (size_t)(data_end - data_start); i++) {
        data_start[i] = data_load[i];
    }
    for (i = 0; i < (size_t)(bss_end - bss_start); i++) {
        bss_start[i] = 0;
    }
    semihosting_exit(main());
}
