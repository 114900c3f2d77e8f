#ifdef @@CONFIG
#include @@CONFIG
#endif

