// What Debian's C++ library, built for the GNU C library, is linked against and musl doesn't have.

// No shortcuts for programs of one thread.
char __libc_single_threaded;

// No exceptions: these programs throw none.
int _dl_find_object(void* address, void* result) {
  (void)address;
  (void)result;
  return -1;
}

// For std::random_device, which they don't use.
unsigned arc4random(void) { return 4; }
