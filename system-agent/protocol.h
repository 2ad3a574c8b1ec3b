/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* All that the rest of the agent knows of a protocol. A protocol is a folder with one constant ProtocolOps,
 * listed in protocols.c; framing, limits and state are its own. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct Channel Channel;
typedef struct Config Config;
typedef struct Port Port;
typedef struct Services Services;

/* What of the guest has changed; a set of bits. */
typedef enum GuestChange {
        GUEST_CHANGE_NETWORK = 1 << 0,  /* an interface or an address */
        GUEST_CHANGE_HOSTNAME = 1 << 1, /* the node name */
        GUEST_CHANGE_NAMES = 1 << 2,    /* /etc/hosts */
        GUEST_CHANGE_TIMEZONE = 1 << 3,
        GUEST_CHANGE_MOUNTS = 1 << 4,
        GUEST_CHANGE_DISKS = 1 << 5,
        GUEST_CHANGE_CPUS = 1 << 6,
        GUEST_CHANGE_PACKAGES = 1 << 7,
        GUEST_CHANGE_OS = 1 << 8,   /* os-release */
        GUEST_CHANGE_USER = 1 << 9, /* who sits at the seat */
} GuestChange;

/* What a protocol is given; all outlive it. */
typedef struct ProtocolContext {
        Port *port;
        Channel *channel;
        const Services *services;
        const Config *config;
} ProtocolContext;

typedef struct ProtocolOps {
        const char *name;              /* of the channel on the bus and in the journal */
        const char *const *port_names; /* device names, preferred first; NULL-terminated */
        size_t queue_max;              /* bytes held for a host that does not read */

        int (*new)(void **ret, const ProtocolContext *context);
        void *(*free)(void *self);

        /* The host's side has come, or gone: queue and input begin anew. Also called with false, once more,
         * when the device is another one while no host is there. */
        void (*link_changed)(void *self, bool host_present);
        /* Takes all of @data and keeps partial messages itself. */
        void (*input)(void *self, const uint8_t *data, size_t n);
        /* A queue that did not flow has become empty. */
        void (*drained)(void *self);
        /* Something of the guest is no longer as it was told. @changes: GuestChange bits. */
        void (*guest_changed)(void *self, unsigned changes);
        /* Tells the host everything anew. */
        void (*refresh)(void *self);
        /* The agent stops: queues its last words. Nothing else is called after it but free. */
        void (*stop)(void *self);

        /* Makes the report called @name as it would go to the host, with its line end (a debugging aid).
         * -ENOENT if there is no such report. May block. */
        int (*collect)(const char *name, const Config *config, char **ret);
        const char *const *report_names; /* what collect() knows; NULL-terminated */
} ProtocolOps;

/* All protocols, NULL-terminated. */
extern const ProtocolOps *const protocols[];
