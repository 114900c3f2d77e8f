    size_t extras;
    const uint32_t *more, *numbers; /* quads, and to which each of them adds */
