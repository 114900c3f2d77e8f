/* The pictures. */
    .section .rodata
    .balign 4
    .globl pictures, pictures_end
pictures:
    .incbin "pictures.bin"
pictures_end:
    .byte 0
