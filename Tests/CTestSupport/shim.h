#ifndef CTESTSUPPORT_SHIM_H
#define CTESTSUPPORT_SHIM_H

#include <spawn.h>

// Declared by the C library for _GNU_SOURCE only.
extern int posix_spawn_file_actions_addchdir_np(posix_spawn_file_actions_t *actions, const char *path);
extern int posix_spawn_file_actions_addclosefrom_np(posix_spawn_file_actions_t *actions, int from);

extern int posix_openpt(int flags);
extern int grantpt(int terminal);
extern int unlockpt(int terminal);
extern char *ptsname(int terminal);

#endif
