// threads COUNT SECONDS: so many threads ask for the owner of a file at once; prints the calls of each.
// Not through the C library's own function: each call is one of the kernel's.
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static volatile int stop;

static void* ask(void* count) {
  struct stat answer;
  while (!stop) {
    syscall(SYS_newfstatat, AT_FDCWD, "/srv/somebodys", &answer, 0);
    ++*(long*)count;
  }
  return NULL;
}

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const int threads = atoi(argv[1]);
  pthread_t ids[64];
  long counts[64][16] = {};
  for (int i = 0; i < threads; ++i) pthread_create(&ids[i], NULL, ask, counts[i]);
  usleep((useconds_t)(atof(argv[2]) * 1e6));
  stop = 1;
  for (int i = 0; i < threads; ++i) {
    pthread_join(ids[i], NULL);
    printf("%ld\n", counts[i][0]);
  }
  return 0;
}
