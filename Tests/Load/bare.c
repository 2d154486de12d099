/* An upper bound: one thread, one epoll set, no library. It looks for the empty record that ends the parameters, throws
   away all it read, and answers with one prepared write. It is no server: it trusts its peer in everything.
   Usage: bare < listening socket */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static const char answer[] =
    "Status: 200\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: 76\r\n"
    "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n\r\n"
    "{\"status\":\"healthy\",\"timestamp\":\"2026-01-01T00:00:00.000Z\",\"version\":\"0.0.0\"}";

/* STDOUT with the answer, an empty STDOUT, END_REQUEST; request id 1. */
static unsigned char records[1024];
static size_t length;

static void append(unsigned char type, const void *content, size_t size) {
  unsigned char header[8] = {1, type, 0, 1, size >> 8, size & 255, 0, 0};
  memcpy(records + length, header, 8);
  memcpy(records + length + 8, content, size);
  length += 8 + size;
}

/* Whether a client with no body has said all: an empty STDIN record is the last. */
static int is_whole(const unsigned char *bytes, ssize_t size) {
  return size >= 8 && bytes[size - 7] == 5 && bytes[size - 4] == 0 && bytes[size - 3] == 0;
}

int main(void) {
  unsigned char end[8] = {0}, bytes[65536];
  append(6, answer, sizeof answer - 1);
  append(6, end, 0);
  append(3, end, 8);
  signal(SIGPIPE, SIG_IGN);
  fcntl(0, F_SETFL, O_NONBLOCK);
  int set = epoll_create1(EPOLL_CLOEXEC);
  struct epoll_event event = {.events = EPOLLIN, .data.fd = 0}, events[256];
  epoll_ctl(set, EPOLL_CTL_ADD, 0, &event);
  for (;;) {
    int count = epoll_wait(set, events, 256, -1);
    for (int i = 0; i < count; i++) {
      int fd = events[i].data.fd;
      if (fd == 0) {
        int peer;
        while ((peer = accept4(0, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
          event = (struct epoll_event){.events = EPOLLIN, .data.fd = peer};
          epoll_ctl(set, EPOLL_CTL_ADD, peer, &event);
        }
        continue;
      }
      ssize_t size = read(fd, bytes, sizeof bytes);
      if (size < 0 && errno == EAGAIN) continue;
      if (size > 0 && !is_whole(bytes, size)) continue;
      if (size > 0 && write(fd, records, length) < 0) { /* The peer has gone. */ }
      close(fd);
    }
  }
}
