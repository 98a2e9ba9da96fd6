/*
 * A disk that can lose what was not flushed. Loaded with LD_PRELOAD, it keeps an undo journal of one file: before each write the
 * bytes that it replaces, and each flush. When the process has been killed, which loses nothing of the kernel's cache, the test takes
 * back from the file what a power cut could have taken (undo-journal.testing.ts). It can also let flushes and writes fail.
 *
 * SKIFF_DISK_FILE     the file, by its absolute path; one with -new behind its name is the same before it is renamed
 * SKIFF_DISK_JOURNAL  where the journal is written, with the process's id appended
 * SKIFF_DISK_FAULTS   a folder: while it holds a file named flush, durable-write or write, that call fails with the number in it
 * SKIFF_DISK_BOOT     a file that is read as the kernel's boot id: a store may trust the kernel's cache while that is the same
 *
 * The journal is a sequence of records of five 64-bit numbers, followed by `length` bytes where it says so:
 *   1 write                order, offset, length, size of the file before; the bytes before, zeros behind the file's end
 *   2 flush begins         order
 *   3 flush has ended      order, of its beginning, 1 when it succeeded
 *   4 write was durable    order, of that write (the descriptor has O_DSYNC)
 *   5 the folder is flushed
 *
 * No header and no library is needed to compile it, so that a compiler alone will do; it is loaded into a process that has libc.
 */
typedef unsigned long size_t;
typedef long ssize_t;
typedef long off_t;
typedef unsigned long u64;
struct iovec {
  void *base;
  size_t length;
};

extern void *dlsym(void *handle, const char *name);
extern char *getenv(const char *name);
extern ssize_t readlink(const char *path, char *to, size_t size);
extern ssize_t read(int fd, void *to, size_t size);
extern int close(int fd);
extern int fcntl(int fd, int command, ...);
extern off_t lseek(int fd, off_t offset, int whence);
extern ssize_t pread(int fd, void *to, size_t size, off_t offset);
extern void *calloc(size_t count, size_t size);
extern void free(void *memory);
extern int snprintf(char *to, size_t size, const char *format, ...);
extern int strcmp(const char *a, const char *b);
extern size_t strlen(const char *text);
extern int strncmp(const char *a, const char *b, size_t size);
extern int getpid(void);
extern void abort(void);
extern int *__errno_location(void);
extern int pthread_mutex_lock(void *mutex);
extern int pthread_mutex_unlock(void *mutex);

/* Linux's numbers, the same on x86-64 and arm64. */
#define O_RDONLY 0
#define O_WRONLY 01
#define O_CREAT 0100
#define O_APPEND 02000
#define O_DSYNC 010000
#define O_CLOEXEC 02000000
#define F_GETFL 3
#define SEEK_SET 0
#define SEEK_CUR 1
#define SEEK_END 2
#define NEXT ((void *)-1)

enum { WRITE = 1, FLUSH_BEGINS, FLUSH_ENDED, WRITE_WAS_DURABLE, FOLDER_FLUSHED };

static int (*next_open)(const char *, int, ...);
static ssize_t (*next_write)(int, const void *, size_t);
static ssize_t (*next_writev)(int, const struct iovec *, int);
static ssize_t (*next_pwrite)(int, const void *, size_t, off_t);
static int (*next_ftruncate)(int, off_t);
static int (*next_fsync)(int);
static int (*next_fdatasync)(int);

/* Big enough for any libc's; zeros are an unlocked one. */
static u64 mutex[16];
static int ready;
static const char *file;
static const char *faults;
static int journal = -1;
static u64 order;

static void get_ready(void) {
  if (ready) return;
  next_open = dlsym(NEXT, "open64");
  next_write = dlsym(NEXT, "write");
  next_writev = dlsym(NEXT, "writev");
  next_pwrite = dlsym(NEXT, "pwrite64");
  next_ftruncate = dlsym(NEXT, "ftruncate64");
  next_fsync = dlsym(NEXT, "fsync");
  next_fdatasync = dlsym(NEXT, "fdatasync");
  file = getenv("SKIFF_DISK_FILE");
  faults = getenv("SKIFF_DISK_FAULTS");
  ready = 1;
}

static size_t path_of(int fd, char *to, size_t size) {
  char link[64];
  ssize_t length;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  length = readlink(link, to, size - 1);
  if (length < 0) length = 0;
  to[length] = 0;
  return length;
}

static int is_file(int fd) {
  char path[4096];
  int kept = *__errno_location();
  int same = 0;
  if (file) {
    path_of(fd, path, sizeof path);
    same = strncmp(path, file, strlen(file)) == 0 && (!path[strlen(file)] || strcmp(path + strlen(file), "-new") == 0);
  }
  *__errno_location() = kept;
  return same;
}

static int is_folder(int fd) {
  char path[4096];
  size_t length;
  if (!file) return 0;
  length = path_of(fd, path, sizeof path);
  return length > 0 && length < strlen(file) && strncmp(path, file, length) == 0 && file[length] == '/';
}

/* The mutex is held. Dying in the middle of a record is no loss: what it speaks of has not been done. */
static u64 note(u64 type, u64 a, u64 b, u64 c, const void *bytes, size_t length) {
  u64 record[5];
  struct iovec parts[2];
  if (journal < 0) {
    char path[4096];
    const char *prefix = getenv("SKIFF_DISK_JOURNAL");
    if (!prefix) return 0;
    snprintf(path, sizeof path, "%s.%d", prefix, getpid());
    journal = next_open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (journal < 0) abort();
  }
  record[0] = type;
  record[1] = ++order;
  record[2] = a;
  record[3] = b;
  record[4] = c;
  parts[0].base = record;
  parts[0].length = sizeof record;
  parts[1].base = (void *)bytes;
  parts[1].length = length;
  if (next_writev(journal, parts, length ? 2 : 1) != (ssize_t)(sizeof record + length)) abort();
  return order;
}

/* The mutex is held. */
static u64 note_write(int fd, off_t offset, size_t length) {
  char *before = calloc(length ? length : 1, 1);
  off_t position = lseek(fd, 0, SEEK_CUR);
  off_t size = lseek(fd, 0, SEEK_END);
  char path[4096];
  int reader;
  u64 at;
  lseek(fd, position, SEEK_SET);
  /* The descriptor may be for writing only. */
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  reader = next_open(path, O_RDONLY | O_CLOEXEC);
  if (reader < 0 || !before || pread(reader, before, length, offset) < 0) abort();
  close(reader);
  at = note(WRITE, offset, length, size, before, length);
  free(before);
  return at;
}

/* 0, or the error that the test wants. */
static int fault(const char *name) {
  char path[4096];
  char text[16];
  int number = 0;
  int kept = *__errno_location();
  int fd;
  ssize_t length;
  ssize_t i;
  if (!faults) return 0;
  snprintf(path, sizeof path, "%s/%s", faults, name);
  fd = next_open(path, O_RDONLY | O_CLOEXEC);
  if (fd >= 0) {
    length = read(fd, text, sizeof text);
    for (i = 0; i < length && text[i] >= '0' && text[i] <= '9'; i++) number = number * 10 + (text[i] - '0');
    close(fd);
  }
  *__errno_location() = kept;
  return number;
}

static ssize_t failed(int error) {
  *__errno_location() = error;
  return -1;
}

/* One kind of write: with an offset, at the descriptor's position (offset < 0), or of many parts. */
static ssize_t any_write(int fd, const void *bytes, const struct iovec *parts, int count, size_t length, off_t offset, int positioned) {
  ssize_t written;
  u64 at;
  int durable = (fcntl(fd, F_GETFL) & O_DSYNC) != 0;
  int error = fault("write");
  if (error) return failed(error);
  pthread_mutex_lock(mutex);
  at = note_write(fd, positioned ? offset : lseek(fd, 0, SEEK_CUR), length);
  if (positioned) written = next_pwrite(fd, bytes, length, offset);
  else if (parts) written = next_writev(fd, parts, count);
  else written = next_write(fd, bytes, length);
  error = durable ? fault("durable-write") : 0;
  if (durable && !error && written == (ssize_t)length) note(WRITE_WAS_DURABLE, at, 0, 0, 0, 0);
  pthread_mutex_unlock(mutex);
  return error ? failed(error) : written;
}

int open64(const char *path, int flags, int mode) {
  const char *boot = getenv("SKIFF_DISK_BOOT");
  get_ready();
  if (boot && strcmp(path, "/proc/sys/kernel/random/boot_id") == 0) path = boot;
  return next_open(path, flags, mode);
}

int open(const char *path, int flags, int mode) {
  return open64(path, flags, mode);
}

ssize_t write(int fd, const void *bytes, size_t length) {
  get_ready();
  return is_file(fd) ? any_write(fd, bytes, 0, 0, length, 0, 0) : next_write(fd, bytes, length);
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
  size_t length = 0;
  int i;
  get_ready();
  if (!is_file(fd)) return next_writev(fd, parts, count);
  for (i = 0; i < count; i++) length += parts[i].length;
  return any_write(fd, 0, parts, count, length, 0, 0);
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off_t offset) {
  get_ready();
  return is_file(fd) ? any_write(fd, bytes, 0, 0, length, offset, 1) : next_pwrite(fd, bytes, length, offset);
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset) {
  return pwrite64(fd, bytes, length, offset);
}

/* A writer that starts to use these must be seen, or its writes would never be taken back. */
ssize_t pwritev64(int fd, const struct iovec *parts, int count, off_t offset) {
  static ssize_t (*next)(int, const struct iovec *, int, off_t);
  if (!next) next = dlsym(NEXT, "pwritev64");
  if (is_file(fd)) abort();
  return next(fd, parts, count, offset);
}

ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset) {
  return pwritev64(fd, parts, count, offset);
}

int ftruncate64(int fd, off_t size) {
  off_t before;
  off_t position;
  int result;
  get_ready();
  if (!is_file(fd)) return next_ftruncate(fd, size);
  pthread_mutex_lock(mutex);
  position = lseek(fd, 0, SEEK_CUR);
  before = lseek(fd, 0, SEEK_END);
  lseek(fd, position, SEEK_SET);
  note_write(fd, size < before ? size : before, size < before ? before - size : size - before);
  result = next_ftruncate(fd, size);
  pthread_mutex_unlock(mutex);
  return result;
}

int ftruncate(int fd, off_t size) {
  return ftruncate64(fd, size);
}

static int flush(int fd, int (*next)(int)) {
  u64 begun;
  int error = fault("flush");
  int result = 0;
  pthread_mutex_lock(mutex);
  begun = note(FLUSH_BEGINS, 0, 0, 0, 0, 0);
  pthread_mutex_unlock(mutex);
  if (!error) result = next(fd);
  pthread_mutex_lock(mutex);
  note(FLUSH_ENDED, begun, !error && result == 0, 0, 0, 0);
  pthread_mutex_unlock(mutex);
  return error ? (int)failed(error) : result;
}

int fdatasync(int fd) {
  get_ready();
  return is_file(fd) ? flush(fd, next_fdatasync) : next_fdatasync(fd);
}

int fsync(int fd) {
  int result;
  get_ready();
  if (is_file(fd)) return flush(fd, next_fsync);
  result = next_fsync(fd);
  if (result == 0 && is_folder(fd)) {
    pthread_mutex_lock(mutex);
    note(FOLDER_FLUSHED, 0, 0, 0, 0, 0);
    pthread_mutex_unlock(mutex);
  }
  return result;
}
