/*
 * Loaded before the C library into a dino. Counts its calls on files whose names begin with FAULT_PATH: those that
 * change files, and reads; or, with FAULT_READS=1, opens and reads only. At call number FAULT_AT it either kills the
 * process before the call is made (FAULT_ERROR 0) or makes the call fail with that errno. FAULT_TIMES says how many
 * calls on that file fail in a row (1). FAULT_LOG gets the name of the call and of the file.
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

static int calls, failed;
static char failing[4096];

static int number(const char *name, int otherwise)
{
    const char *value = getenv(name);
    return value ? atoi(value) : otherwise;
}

static int fault(const char *call, const char *file)
{
    const char *below = getenv("FAULT_PATH"), *log = getenv("FAULT_LOG");
    int at = number("FAULT_AT", 0), error = number("FAULT_ERROR", 0), before = errno;
    if (!below || !at || !log || !file || strncmp(file, below, strlen(below)) != 0)
        return 0;
    if (number("FAULT_READS", 0) != (strcmp(call, "open") == 0) && strcmp(call, "read") != 0)
        return 0;
    if (error == 0 && strcmp(call, "read") == 0)
        return 0; /* nothing differs before and after it */
    int again = failed > 0 && failed < number("FAULT_TIMES", 1) && strcmp(file, failing) == 0;
    if (!again && __sync_add_and_fetch(&calls, 1) != at)
        return 0;
    if (__sync_add_and_fetch(&failed, 1) == 1)
        strncpy(failing, file, sizeof failing - 1);
    FILE *out = fopen(log, "a");
    fprintf(out, "%s %s\n", call, file);
    fclose(out);
    if (error == 0)
        kill(getpid(), SIGKILL);
    errno = error ? error : before;
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
INTERPOSE(ssize_t, pwritev64, (int fd, const struct iovec *parts, int count, off64_t at), (fd, parts, count, at), "write",
          file_of(fd, of))
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
        if (fault(flags & O_CREAT ? "create" : "open", path))             \
            return -1;                                                    \
        return next(path, flags, mode);                                   \
    }

INTERPOSE_OPEN(open)
INTERPOSE_OPEN(open64)

/* .NET asks for the C library's functions by name, past this file; it gets ours. */
void *dlsym(void *library, const char *name)
{
    static void *(*next)(void *, const char *);
    static const char *const versions[] = {"GLIBC_2.34", "GLIBC_2.17", "GLIBC_2.2.5"};
    for (int i = 0; !next && i < 3; i++)
        next = dlvsym(RTLD_NEXT, "dlsym", versions[i]);
    if (library != RTLD_NEXT && strcmp(name, "open") == 0)
        return open;
    return next(library, name);
}
