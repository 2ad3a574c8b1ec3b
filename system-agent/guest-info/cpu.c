/* SPDX-License-Identifier: Apache-2.0 */
#include "guest-info/cpu.h"
#include "util/cleanup.h"
#include "util/read-file.h"
#include "util/text.h"

#include <string.h>

/* Eight times what Linux can have today. */
#define CPU_MAX 65535

int guest_cpus_parse(const char *list, unsigned *ret) {
        uint64_t next = 0, count = 0;

        for (;;) {
                uint64_t first, last;

                if (scan_uint64(&list, &first) < 0)
                        return -EBADMSG;
                last = first;
                if (*list == '-') {
                        list++;
                        if (scan_uint64(&list, &last) < 0)
                                return -EBADMSG;
                }
                /* Ascending, as the kernel writes it: so no CPU counts twice. */
                if (first < next || last < first || last > CPU_MAX)
                        return -EBADMSG;
                count += last - first + 1;
                next = last + 1;
                if (*list != ',')
                        break;
                list++;
        }
        /* Without its newline the list was cut. */
        if (strcmp(list, "\n") != 0)
                return -EBADMSG;

        *ret = (unsigned) count;
        return 0;
}

int guest_cpus_online(int root_fd, unsigned *ret) {
        _cleanup_free_ char *list = NULL;
        int r;

        r = read_file(root_fd, "sys/devices/system/cpu/online", 64 * 1024, &list, NULL);
        if (r < 0)
                return r;
        return guest_cpus_parse(list, ret);
}
