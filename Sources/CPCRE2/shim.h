#ifndef CPCRE2_SHIM_H
#define CPCRE2_SHIM_H

// Patterns and texts are UTF-8. Swift does not see the macros that stand for the functions of one width, and calls them by
// their own names, which end in _8.
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#endif
