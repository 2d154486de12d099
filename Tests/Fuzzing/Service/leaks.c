/* Preloaded into the service's processes under the address sanitizer: they end with _exit, before which nobody would look for memory
   that has been lost. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <sys/syscall.h>
#include <unistd.h>

void _exit(int status) {
    /* Ends the process with a status of its own if there is any. */
    void (*look)(void) = (void (*)(void))dlsym(RTLD_DEFAULT, "__lsan_do_leak_check");
    if (look) look();
    syscall(SYS_exit_group, status);
    __builtin_unreachable();
}
