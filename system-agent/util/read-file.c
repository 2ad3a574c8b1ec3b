/* SPDX-License-Identifier: Apache-2.0 */
#include "util/read-file.h"
#include "util/cleanup.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

/* Enough for most files of /proc in one read; they do not tell their size. */
#define FIRST_READ 8192

int open_below(int root_fd, const char *path, int flags) {
        struct open_how how = {
                .flags = (uint64_t) (flags | O_CLOEXEC),
                .resolve = RESOLVE_IN_ROOT,
        };
        static bool have_openat2 = true;
        long fd;

        if (have_openat2) {
                fd = syscall(SYS_openat2, root_fd, path, &how, sizeof(how));
                if (fd >= 0 || errno != ENOSYS)
                        return fd < 0 ? -errno : (int) fd;
                have_openat2 = false;
        }
        /* Valgrind, or another emulator. For "/", the root of every agent, openat() says the same. */
        path += strspn(path, "/");
        fd = openat(root_fd, *path ? path : ".", flags | O_CLOEXEC);
        return fd < 0 ? -errno : (int) fd;
}

int read_file(int root_fd, const char *path, size_t max, char **ret, size_t *ret_size) {
        _cleanup_close_ int fd = -EBADF;
        _cleanup_free_ char *data = NULL;
        size_t n = 0, allocated;
        struct stat st;

        fd = open_below(root_fd, path, O_RDONLY | O_NOCTTY | O_NONBLOCK);
        if (fd < 0)
                return fd;
        if (fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return -EINVAL;
        if ((uintmax_t) st.st_size > max)
                return -EFBIG;

        /* One byte more than the file says to have, so that its end is seen without growing. */
        allocated = MAX((size_t) st.st_size + 1, (size_t) FIRST_READ);
        data = g_malloc(allocated + 1);
        for (;;) {
                ssize_t k = read(fd, data + n, allocated - n);
                if (k < 0 && errno == EINTR)
                        continue;
                if (k < 0)
                        return -errno;
                if (k == 0)
                        break;
                n += (size_t) k;
                if (n > max)
                        return -EFBIG;
                if (n == allocated) {
                        allocated *= 2;
                        data = g_realloc(data, allocated + 1);
                }
        }
        data[n] = '\0';

        if (ret_size)
                *ret_size = n;
        else if (strlen(data) != n)
                return -EBADMSG;
        *ret = TAKE_PTR(data);
        return 0;
}
