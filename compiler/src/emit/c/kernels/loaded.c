/* The weights that @load has left in the arena; NULL in an arena that it has not seen, whatever that holds. */
static const float *@loaded(const @arena *arena)
{
    const void *weights;
    uint64_t sign;
    memcpy(&weights, arena->weights, sizeof weights);
    memcpy(&sign, arena->weights + sizeof weights, sizeof sign);
    return ((uint64_t)(uintptr_t)weights ^ sign) == UINT64_C(%HASH%) ? (const float *)weights : NULL;
}

