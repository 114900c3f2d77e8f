/* The pictures, and the names of the classes, one a line. */
    .section .rodata
    .balign 4
    .globl pictures, pictures_end, labels, labels_end
pictures:
    .incbin "pictures.bin"
pictures_end:
labels:
    .incbin "labels.txt"
labels_end:
    .byte 0
