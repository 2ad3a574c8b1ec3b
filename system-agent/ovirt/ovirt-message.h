/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The host's messages: one JSON object a line, whose member "__name__" names it. Pure: no input or output.
 */

#include <json-glib/json-glib.h>

#include "credentials.h"
#include "util/cleanup.h"

/* The longest line a host may send, without its line end. Real ones have less than 1 KiB. */
#define OVIRT_LINE_IN_MAX (64U * 1024)

/* A member that is a string, as it stands in the line; NULL if there is none or it is none. */
typedef struct OvirtText {
        const char *text;
        size_t n;
} OvirtText;

typedef struct OvirtMessage {
        char *name; /* not empty */
        const char *line;
        size_t n;
        OvirtText username, password;
        JsonNode *root; /* once somebody has asked for members */
} OvirtMessage;

/* Takes a line without its LF, which must outlive the message: nothing of it is copied but the name. 0;
 * -EBADMSG if it is no JSON object; -EPROTO if it is one without a name. */
int ovirt_message_parse(const char *line, size_t n, OvirtMessage **ret);
OvirtMessage *ovirt_message_free(OvirtMessage *m);
DEFINE_CLEANUP(OvirtMessage, ovirt_message_free)

/* All members ("__name__" is one of them), owned by the message. The library keeps copies that nobody wipes:
 * not for a message with secrets. */
JsonObject *ovirt_message_members(OvirtMessage *m);

/* The members "username" and "password". -EINVAL if one is missing, no string, too long, or holds what no
 * such thing can hold. The password may be empty. */
int ovirt_message_credentials(const OvirtMessage *m, Credentials **ret);
