/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Dictionaries of the bus (a{sv}) as members of structs, by a table: what session agents offer and report. A
 * member more is a line there. */

#include <stddef.h>

#include <systemd/sd-bus.h>

typedef enum MemberKind {
        MEMBER_TEXT, /* s, char *: valid UTF-8 of at most 64 bytes, the rest is cut off; NULL is left out */
        MEMBER_BOOL, /* b, bool */
        MEMBER_SAYS, /* b, SessionSays; read only */
        MEMBER_EFFECTS, /* as, unsigned: a set, with EFFECTS_TOLD; an empty one is left out */
        MEMBER_LAYOUT,  /* aa{sv}, Layout *; read only */
} MemberKind;

typedef struct Member {
        const char *name;
        MemberKind kind;
        size_t offset;
} Member;

/* Each ends with a nameless one. Of SessionOffer and SessionReport. */
extern const Member session_offer_members[], session_report_members[];

/* Reads a dictionary into *@base, whose texts are freed with g_free() where they are replaced. Keys that the
 * table does not have are skipped. -ENXIO if a value has another type; *@base may have been written to. */
int dbus_members_read(sd_bus_message *m, const Member *members, void *base);
/* Writes the names of a set of effects, an "as". */
int dbus_members_append_effects(sd_bus_message *m, unsigned effects);
/* Writes what has the table of an offer. */
int dbus_members_append(sd_bus_message *m, const Member *members, const void *base);
