/* Vector table and reset handler for a Cortex-M under QEMU, where the loader has put every section in its place. */
extern void _start(void);
extern unsigned char __stack[];
void reset(void);
void hang(void) { for (;;) {} }
__attribute__((section(".vectors"), used)) static void *const vectors[16] = {
    __stack, (void *)reset, (void *)hang, (void *)hang, (void *)hang, (void *)hang, (void *)hang,
};
void reset(void) {
    *(volatile unsigned *)0xE000ED88u |= 0xFu << 20; /* CPACR: the FPU on */
    __asm volatile("dsb\n\tisb");
    _start();
}
