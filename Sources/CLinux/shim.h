#ifndef CLINUX_SHIM_H
#define CLINUX_SHIM_H

// What Swift's own import of the C library leaves out.

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

// Their headers declare these for _GNU_SOURCE only.
extern int accept4(int socket, struct sockaddr *address, socklen_t *size, int flags);
extern int memfd_create(const char *name, unsigned int flags);
static const unsigned int shim_memfd_cloexec = 1;

// In C these are enumerations and unsigned macros of mixed types.
static const uint32_t shim_epollin = EPOLLIN;
static const uint32_t shim_epollout = EPOLLOUT;
static const uint32_t shim_epolloneshot = EPOLLONESHOT;
static const uint32_t shim_epollexclusive = EPOLLEXCLUSIVE;
static const int shim_sock_stream = SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK;
static const int shim_sock_cloexec = SOCK_CLOEXEC;
static const int shim_epoll_cloexec = EPOLL_CLOEXEC;
static const int shim_eventfd_flags = EFD_CLOEXEC | EFD_NONBLOCK;

#endif
