/* SPDX-License-Identifier: Apache-2.0 */
#include "dbus-members.h"

#include <stdbool.h>
#include <string.h>

#include "session-registry.h"

#define TEXT_MAX 64U

#define OFFER(name, kind, field)                                                                            \
        { name, kind, offsetof(SessionOffer, field) }
#define REPORT(name, kind, field)                                                                           \
        { name, kind, offsetof(SessionReport, field) }

const Member session_offer_members[] = {
        OFFER("version", MEMBER_TEXT, version),
        OFFER("desktop", MEMBER_TEXT, desktop),
        OFFER("lock", MEMBER_BOOL, lock),
        OFFER("logout", MEMBER_BOOL, logout),
        {},
};

const Member session_report_members[] = {
        REPORT("locked", MEMBER_SAYS, locked),
        {},
};

static int read_text(sd_bus_message *m, char **field) {
        const char *s, *end;
        int r = sd_bus_message_read(m, "v", "s", &s);

        if (r < 0)
                return r;
        /* Never within a character: it goes back to the bus. */
        (void) g_utf8_validate_len(s, strnlen(s, TEXT_MAX), &end);
        g_free(*field);
        *field = g_strndup(s, (gsize) (end - s));
        return 0;
}

static int read_member(sd_bus_message *m, const Member *member, void *field) {
        int r, b;

        if (member->kind == MEMBER_TEXT)
                return read_text(m, field);
        r = sd_bus_message_read(m, "v", "b", &b);
        if (r < 0)
                return r;
        if (member->kind == MEMBER_BOOL)
                *(bool *) field = b;
        else
                *(SessionSays *) field = b ? SESSION_SAYS_YES : SESSION_SAYS_NO;
        return 0;
}

static int read_entry(sd_bus_message *m, const Member *members, void *base) {
        const char *name;
        int r = sd_bus_message_read(m, "s", &name);

        if (r < 0)
                return r;
        for (const Member *i = members; i->name; i++)
                if (g_str_equal(i->name, name))
                        return read_member(m, i, (char *) base + i->offset);
        return sd_bus_message_skip(m, "v");
}

int dbus_members_read(sd_bus_message *m, const Member *members, void *base) {
        int r = sd_bus_message_enter_container(m, 'a', "{sv}");

        if (r < 0)
                return r;
        while ((r = sd_bus_message_enter_container(m, 'e', "sv")) > 0)
                if ((r = read_entry(m, members, base)) < 0 || (r = sd_bus_message_exit_container(m)) < 0)
                        return r;
        return r < 0 ? r : sd_bus_message_exit_container(m);
}

static int append_member(sd_bus_message *m, const Member *member, const void *field) {
        switch (member->kind) {
        case MEMBER_TEXT: {
                const char *text = *(char *const *) field;

                return text ? sd_bus_message_append(m, "{sv}", member->name, "s", text) : 0;
        }
        case MEMBER_BOOL:
                return sd_bus_message_append(m, "{sv}", member->name, "b", (int) *(const bool *) field);
        case MEMBER_SAYS: /* only of reports, which go one way */
                break;
        }
        return -EINVAL;
}

int dbus_members_append(sd_bus_message *m, const Member *members, const void *base) {
        int r = sd_bus_message_open_container(m, 'a', "{sv}");

        for (; r >= 0 && members->name; members++)
                r = append_member(m, members, (const char *) base + members->offset);
        return r < 0 ? r : sd_bus_message_close_container(m);
}
