    .section .rodata
    .balign 8
    .globl image
image:
    .incbin "image.bin"
