#if defined(@@CONFIG) && !defined(__CPPCHECK__)
#include @@CONFIG
#endif

