/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Scope-bound ownership: a variable marked _cleanup_ frees what it holds when its scope ends, on every
 * path; TAKE_PTR() and TAKE_FD() hand it over instead. GLib's allocator is used throughout, so there are
 * no out-of-memory branches. For GLib's own types use g_autoptr(). */

#include <errno.h>
#include <glib.h>
#include <unistd.h>

#define _cleanup_(f) __attribute__((cleanup(f)))

static inline void cleanup_free_p(void *p) {
        g_free(*(void **) p);
}
#define _cleanup_free_ _cleanup_(cleanup_free_p)

/* Closes @fd unless it is negative, keeps errno, returns -EBADF: "fd = safe_close(fd)". */
static inline int safe_close(int fd) {
        if (fd >= 0) {
                int e = errno;
                (void) close(fd);
                errno = e;
        }
        return -EBADF;
}

static inline void cleanup_close_p(int *fd) {
        safe_close(*fd);
}
#define _cleanup_close_ _cleanup_(cleanup_close_p)

#define TAKE_PTR(p)                                                                                         \
        ({                                                                                                  \
                typeof(p) *_pp = &(p);                                                                      \
                typeof(p) _v = *_pp;                                                                        \
                *_pp = NULL;                                                                                \
                _v;                                                                                         \
        })

#define TAKE_FD(fd)                                                                                         \
        ({                                                                                                  \
                int *_fp = &(fd);                                                                           \
                int _f = *_fp;                                                                              \
                *_fp = -EBADF;                                                                              \
                _f;                                                                                         \
        })

/* For a destructor "T *f(T *)" that takes NULL and returns NULL: defines f##p, for _cleanup_(). */
#define DEFINE_CLEANUP(type, f)                                                                             \
        static inline void f##p(type **p) {                                                                 \
                if (*p)                                                                                     \
                        *p = f(*p);                                                                         \
        }
