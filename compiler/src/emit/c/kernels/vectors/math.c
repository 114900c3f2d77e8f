#include <math.h>
#define @@INFINITY INFINITY
