/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The guest's messages. Each function returns one line with its LF, to be freed with g_free(); the members
 * and their JSON types are those that VDSM and the engine need (docs/protocol-vdsm.md). Pure.
 *
 * Strings may be any bytes: what is not UTF-8, and the characters that VDSM would replace, become U+FFFD. A
 * list that would make a line longer than OVIRT_LINE_OUT_MAX loses its last elements, never the line its
 * form. */

#include <json-glib/json-glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "guest-info/memory.h"
#include "guest-info/os.h"
#include "guest-info/timezone.h"

/* VDSM throws a line away that has 1 MiB or more before its LF. */
#ifndef OVIRT_LINE_OUT_MAX
#define OVIRT_LINE_OUT_MAX (1024U * 1024 - 1)
#endif

/* A message without members: "session-startup", ... */
char *ovirt_encode_event(const char *name);
/* A message with one string: "host-name" has "name", ... */
char *ovirt_encode_text(const char *name, const char *member, const char *value);

typedef struct OvirtHeartbeat {
        uint64_t free_ram; /* MiB; 0 tells the host that there is no figure */
        unsigned api_version;
        /* Optional: NULL leaves "memory-stat" out, and the host keeps what it knows. */
        const GuestMemory *memory;
        /* Per second since the sample before; go with memory. */
        uint64_t swap_in, swap_out, faults, major_faults;
} OvirtHeartbeat;

char *ovirt_encode_heartbeat(const OvirtHeartbeat *h);

char *ovirt_encode_os_info(const GuestOs *os);
char *ovirt_encode_timezone(const GuestTimezone *tz);
char *ovirt_encode_number_of_cpus(unsigned count);
/* @interfaces: GuestInterface. */
char *ovirt_encode_network_interfaces(const GPtrArray *interfaces);
/* @filesystems: GuestFilesystem, @disks: GuestDisk. */
char *ovirt_encode_disks_usage(const GPtrArray *filesystems, const GPtrArray *disks);
/* Whether two such lines tell the same: all is equal, but that usage may have moved by a thousandth of the
 * file system. */
bool ovirt_disks_usage_is_alike(const char *a, const char *b);
/* @packages: char *. Our own entry comes first unless a package is it: the engine tells by it that there is
 * an agent, and which. */
char *ovirt_encode_applications(const GPtrArray *packages);
/* @containers: GuestContainer. */
char *ovirt_encode_containers(const GPtrArray *containers);
/* The answer to a request of the host's that has the "reply_id" @reply_id, of whatever type. */
char *ovirt_encode_completion(JsonNode *reply_id);
/* All members of the host's "echo", returned. A number that JSON cannot express becomes null. */
char *ovirt_encode_echo(JsonObject *members);
