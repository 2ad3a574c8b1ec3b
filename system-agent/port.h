/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A channel's device: found, opened, watched, read and written; knows bytes only.
 *
 * A protocol may have several device names. All that exist are held open; the first whose host side is
 * connected is the active one until its host leaves. */

#include <systemd/sd-event.h>

#include "protocol.h"
#include "util/cleanup.h"

/* "--port NAME=PATH": a character device, a terminal, or a UNIX stream socket to connect to. */
typedef struct PortOverride {
        const char *name, *path;
} PortOverride;

/* @overrides (@n_overrides; all arguments outlive the port) replace the paths of the names they mention;
 * where one mentions a name of @ops, only the mentioned names are used. Other names are looked for below
 * @device_prefix, and in sysfs if that is the system's own directory. Nothing is opened yet. */
Port *port_new(sd_event *event, const ProtocolOps *ops, const char *device_prefix,
               const PortOverride *overrides, size_t n_overrides);
Port *port_free(Port *p);
DEFINE_CLEANUP(Port, port_free)

/* Opens what there is, and begins to tell @protocol, the object that the ops belong to. */
void port_start(Port *p, void *protocol);

/* The name of the active device's port, or of the preferred one; for the journal. */
const char *port_name(const Port *p);

/* The path of the active device, or of the one that is open, or NULL. Borrowed; changes with the link. */
const char *port_path(const Port *p);
bool port_is_connected(const Port *p);

/* Appends whole messages to the queue; port_flush() moves it. -ENOTCONN without a host: nothing is kept for
 * a later one. -ENOBUFS if the queue is full: nothing of @data is taken. */
int port_write(Port *p, const char *data, size_t n);

/* Writes as much as the device takes; the rest follows when it takes more. Input that is being handled is
 * followed by a flush. */
void port_flush(Port *p);

/* Writes what is queued, waiting up to @usec for the device to take it. For the end, when the loop no
 * longer runs. */
void port_drain(Port *p, uint64_t usec);

/* Bytes that the device has not taken. */
size_t port_pending(const Port *p);

/* Whether what is read now may have been sent before the device was opened here: the host's side was there
 * before us, and QEMU holds what it says until somebody listens. */
bool port_may_be_stale(const Port *p);

/* Whether the device took less than it was last given. */
bool port_is_congested(const Port *p);

/* Looks at the device without waiting for the kernel's word, which can get lost (see port.c). Cheap; called
 * once a heartbeat. */
void port_check(Port *p);
