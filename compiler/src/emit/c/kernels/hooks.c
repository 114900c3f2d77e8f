/* Around each step of an inference: for timing, power modes, watchdogs. */
#ifndef @@STAGE_BEGIN
#define @@STAGE_BEGIN(i) ((void)0)
#endif
#ifndef @@STAGE_END
#define @@STAGE_END(i) ((void)0)
#endif

