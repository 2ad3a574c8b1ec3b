/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Containers, as the engines' Docker-compatible sockets tell. */

#include "util/cleanup.h"
#include <stddef.h>
#include <stdint.h>

typedef struct GuestContainer {
        char *id;
        GPtrArray *names; /* char *, as the engine spells them (Docker: with a leading slash) */
        char *image, *command, *status;
} GuestContainer;

/* The sockets asked, in this order, relative to the root: Docker's, then Podman's. NULL-terminated. */
extern const char *const guest_container_sockets[];

/* All containers, running or not, of all engines whose socket exists below @root_fd; no socket, or nobody
 * listening on it: an empty array. Talks to the engine and waits for it, at most 5 s each: only for a child
 * with a deadline. An engine that does not answer properly is left out if another one does; -EIO if none
 * does. Sorted by id, each once. Elements are GuestContainer. */
int guest_containers_read(int root_fd, GPtrArray **ret);

/* Asks the engine at the other end of the connected socket @fd, for no longer than @timeout_usec. -ETIME,
 * -EFBIG, -EBADMSG, or what the socket says. The array is not sorted. */
int guest_containers_ask(int fd, uint64_t timeout_usec, GPtrArray **ret);
/* The containers in the @n bytes of a whole HTTP answer. -EBADMSG if it is no list of containers. */
int guest_containers_parse(const char *answer, size_t n, GPtrArray **ret);
