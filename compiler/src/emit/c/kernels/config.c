#ifdef @@CONFIG
#include @@CONFIG
#endif
/* Around each step of an inference: for timing, power modes, watchdogs. */
#ifndef @@STAGE_BEGIN
#define @@STAGE_BEGIN(step) ((void)0)
#endif
#ifndef @@STAGE_END
#define @@STAGE_END(step) ((void)0)
#endif

