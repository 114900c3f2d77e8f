%MATH%#define @@NOINLINE
