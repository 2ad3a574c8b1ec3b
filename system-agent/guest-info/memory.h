/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Memory, swap and paging, as the kernel counts them. */

#include <stdint.h>

typedef struct GuestMemory {
        /* KiB, /proc/meminfo */
        uint64_t total, free, available, buffers, cached, swap_total, swap_free;
        /* Events since boot, /proc/vmstat; the pages are the system's, usually 4 KiB. */
        uint64_t swap_in, swap_out; /* pages */
        uint64_t faults, major_faults;
} GuestMemory;

/* Reads the state of the system below @root_fd. MemAvailable, where the kernel gives none, becomes
 * free + buffers + cached. Negative errno when a file or a needed line is missing, cut or no number,
 * or when more is free than there is: a wrong number is never written. */
int guest_memory_read(int root_fd, GuestMemory *ret);
/* The same from the text of the two files. */
int guest_memory_parse(const char *meminfo, const char *vmstat, GuestMemory *ret);
