#if defined(__GNUC__)
#define @@INFINITY __builtin_inff()
#else
#include <math.h>
#define @@INFINITY INFINITY
#endif

