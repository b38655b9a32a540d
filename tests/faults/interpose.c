/*
 * Loaded before the C library into a dino that writes below FAULT_PATH: counts its calls that change files there, and reads of them, and at call number FAULT_AT
 * either kills the process (FAULT_ERROR 0) before the call is made, or makes the call fail with that errno. FAULT_LOG gets the name of the call and of the file.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static int calls;

static int fault(const char *call, const char *file)
{
    const char *below = getenv("FAULT_PATH"), *at = getenv("FAULT_AT"), *error = getenv("FAULT_ERROR"), *log = getenv("FAULT_LOG");
    int before = errno;
    if (!below || !at || !error || !log || !file || strncmp(file, below, strlen(below)) != 0)
        return 0;
    if (atoi(error) == 0 && strcmp(call, "read") == 0)
        return 0; /* nothing differs before and after it */
    if (atoi(error) != 0 && strcmp(call, "unlink") == 0)
        return 0; /* what cannot be deleted stays, until the next run can */
    if (__sync_add_and_fetch(&calls, 1) != atoi(at))
        return 0;
    FILE *out = fopen(log, "w");
    fprintf(out, "%s %s\n", call, file);
    fclose(out);
    if (atoi(error) == 0)
        kill(getpid(), SIGKILL);
    errno = atoi(error) ? atoi(error) : before;
    return 1;
}

/* The file of a descriptor. */
static const char *file_of(int descriptor, char *name)
{
    char link[40];
    int before = errno;
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, name, 4095);
    errno = before;
    if (length < 0)
        return NULL;
    name[length] = 0;
    return name;
}

#define INTERPOSE(type, name, parameters, arguments, call, file) \
    type name parameters                                         \
    {                                                            \
        static type (*next) parameters;                          \
        char of[4096];                                           \
        (void)of;                                                \
        if (!next)                                               \
            next = dlsym(RTLD_NEXT, #name);                      \
        return fault(call, file) ? -1 : next arguments;          \
    }

INTERPOSE(int, rename, (const char *from, const char *to), (from, to), "rename", to)
INTERPOSE(int, unlink, (const char *path), (path), "unlink", path)
INTERPOSE(int, mkdir, (const char *path, mode_t mode), (path, mode), "mkdir", path)
INTERPOSE(int, ftruncate, (int fd, off_t length), (fd, length), "truncate", file_of(fd, of))
INTERPOSE(int, ftruncate64, (int fd, off64_t length), (fd, length), "truncate", file_of(fd, of))
INTERPOSE(ssize_t, write, (int fd, const void *bytes, size_t count), (fd, bytes, count), "write", file_of(fd, of))
INTERPOSE(ssize_t, pwrite, (int fd, const void *bytes, size_t count, off_t at), (fd, bytes, count, at), "write", file_of(fd, of))
INTERPOSE(ssize_t, pwrite64, (int fd, const void *bytes, size_t count, off64_t at), (fd, bytes, count, at), "write", file_of(fd, of))
INTERPOSE(ssize_t, pwritev, (int fd, const struct iovec *parts, int count, off_t at), (fd, parts, count, at), "write", file_of(fd, of))
INTERPOSE(ssize_t, pwritev64, (int fd, const struct iovec *parts, int count, off64_t at), (fd, parts, count, at), "write", file_of(fd, of))
INTERPOSE(ssize_t, read, (int fd, void *bytes, size_t count), (fd, bytes, count), "read", file_of(fd, of))
INTERPOSE(ssize_t, pread, (int fd, void *bytes, size_t count, off_t at), (fd, bytes, count, at), "read", file_of(fd, of))
INTERPOSE(ssize_t, pread64, (int fd, void *bytes, size_t count, off64_t at), (fd, bytes, count, at), "read", file_of(fd, of))

#define INTERPOSE_OPEN(name)                                              \
    int name(const char *path, int flags, ...)                            \
    {                                                                     \
        static int (*next)(const char *, int, ...);                       \
        if (!next)                                                        \
            next = dlsym(RTLD_NEXT, #name);                               \
        va_list rest;                                                     \
        va_start(rest, flags);                                            \
        mode_t mode = flags & O_CREAT ? va_arg(rest, mode_t) : 0;         \
        va_end(rest);                                                     \
        if (flags & O_CREAT && fault("create", path))                     \
            return -1;                                                    \
        return next(path, flags, mode);                                   \
    }

INTERPOSE_OPEN(open)
INTERPOSE_OPEN(open64)
