/* SPDX-License-Identifier: Apache-2.0 */
#include "guest-info/memory.h"
#include "util/cleanup.h"
#include "util/read-file.h"
#include "util/text.h"

#include <stdbool.h>
#include <string.h>

#define FILE_MAX (256U * 1024)
/* No more than fits an int64_t in bytes, so that no sum or conversion of ours can overflow. */
#define KIB_MAX (INT64_MAX / 1024)

typedef struct Field {
        const char *name; /* with the separator that follows it */
        size_t offset;
} Field;

static const Field meminfo_fields[] = {
        {"MemAvailable:", offsetof(GuestMemory, available)},
        {"MemTotal:", offsetof(GuestMemory, total)},
        {"MemFree:", offsetof(GuestMemory, free)},
        {"Buffers:", offsetof(GuestMemory, buffers)},
        {"Cached:", offsetof(GuestMemory, cached)},
        {"SwapTotal:", offsetof(GuestMemory, swap_total)},
        {"SwapFree:", offsetof(GuestMemory, swap_free)},
};

static const Field vmstat_fields[] = {
        {"pswpin ", offsetof(GuestMemory, swap_in)},
        {"pswpout ", offsetof(GuestMemory, swap_out)},
        {"pgfault ", offsetof(GuestMemory, faults)},
        {"pgmajfault ", offsetof(GuestMemory, major_faults)},
};

/* Finds the lines "NAME NUMBER@unit\n". Sets bit i of *ret_seen for fields[i]. */
static int parse_fields(const char *text, const Field *fields, size_t n_fields, const char *unit,
                        GuestMemory *m, unsigned *ret_seen) {
        unsigned seen = 0;
        const char *line;
        size_t n;

        while (next_line(&text, &line, &n))
                for (size_t i = 0; i < n_fields; i++) {
                        size_t name_n = strlen(fields[i].name);
                        uint64_t v;
                        int r;

                        if (n <= name_n || memcmp(line, fields[i].name, name_n) != 0)
                                continue;
                        line += name_n;
                        line += strspn(line, " ");
                        r = scan_uint64(&line, &v);
                        if (r < 0)
                                return r;
                        /* A line without its end was cut: so may be the number. */
                        if (!g_str_has_prefix(line, unit) || line[strlen(unit)] != '\n')
                                return -EBADMSG;
                        *(uint64_t *) ((char *) m + fields[i].offset) = v;
                        seen |= 1U << i;
                        break;
                }
        *ret_seen = seen;
        return 0;
}

int guest_memory_parse(const char *meminfo, const char *vmstat, GuestMemory *ret) {
        const unsigned all = (1U << G_N_ELEMENTS(meminfo_fields)) - 1, available = 1U << 0;
        GuestMemory m = {};
        unsigned seen;
        int r;

        r = parse_fields(meminfo, meminfo_fields, G_N_ELEMENTS(meminfo_fields), " kB", &m, &seen);
        if (r < 0)
                return r;
        if ((seen | available) != all)
                return -ENODATA;
        for (size_t i = 0; i < G_N_ELEMENTS(meminfo_fields); i++)
                if (*(uint64_t *) ((char *) &m + meminfo_fields[i].offset) > KIB_MAX)
                        return -ERANGE;
        if (!(seen & available)) /* before Linux 3.14 */
                m.available = m.free + m.buffers + m.cached;
        if (m.free > m.total || m.swap_free > m.swap_total)
                return -EBADMSG;

        r = parse_fields(vmstat, vmstat_fields, G_N_ELEMENTS(vmstat_fields), "", &m, &seen);
        if (r < 0)
                return r;
        if (seen != (1U << G_N_ELEMENTS(vmstat_fields)) - 1)
                return -ENODATA;

        *ret = m;
        return 0;
}

int guest_memory_read(int root_fd, GuestMemory *ret) {
        _cleanup_free_ char *meminfo = NULL, *vmstat = NULL;
        int r;

        r = read_file(root_fd, "proc/meminfo", FILE_MAX, &meminfo, NULL);
        if (r < 0)
                return r;
        r = read_file(root_fd, "proc/vmstat", FILE_MAX, &vmstat, NULL);
        if (r < 0)
                return r;
        return guest_memory_parse(meminfo, vmstat, ret);
}
