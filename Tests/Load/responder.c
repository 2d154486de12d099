/* The least that a FastCGI responder over libfcgi can do, as a yardstick: THREADS threads accept on standard input, one
   connection for each request, and answer with a fixed body. It has none of the service's protection against silent
   peers.  Usage: responder THREADS < listening socket */
#include <fcgiapp.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

static void *serve(void *unused) {
  (void)unused;
  FCGX_Request request;
  if (FCGX_InitRequest(&request, 0, 0) != 0) return NULL;
  while (FCGX_Accept_r(&request) == 0) {
    FCGX_PutS("Status: 200\r\nContent-Type: application/json; charset=utf-8\r\n"
              "Content-Length: 76\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n\r\n"
              "{\"status\":\"healthy\",\"timestamp\":\"2026-01-01T00:00:00.000Z\",\"version\":\"0.0.0\"}",
              request.out);
    FCGX_Finish_r(&request);
  }
  return NULL;
}

int main(int count, char **arguments) {
  int threads = count > 1 ? atoi(arguments[1]) : 8;
  signal(SIGPIPE, SIG_IGN);
  if (FCGX_Init() != 0) return 1;
  for (int i = 1; i < threads; i++) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, serve, NULL) != 0) return 1;
  }
  serve(NULL);
  return 0;
}
