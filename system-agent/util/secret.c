/* SPDX-License-Identifier: Apache-2.0 */
#include "util/secret.h"

#include <glib.h>
#include <string.h>
#include <sys/mman.h>

#include "util/log.h"

void *secret_new(size_t n) {
        void *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        if (p == MAP_FAILED)
                g_error("Out of memory");
        if (mlock(p, n) < 0)
                log_debug("Cannot lock %zu bytes of memory: %m", n);
        (void) madvise(p, n, MADV_DONTDUMP);
        (void) madvise(p, n, MADV_WIPEONFORK);
        return p;
}

void *secret_free(void *p, size_t n) {
        if (!p)
                return NULL;
        explicit_bzero(p, n);
        (void) munmap(p, n);
        return NULL;
}
