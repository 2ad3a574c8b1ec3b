/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The host's messages: one JSON object a line, whose member "__name__" names it. Pure: no input or output.
 */

#include <json-glib/json-glib.h>

#include "util/cleanup.h"

/* The longest line a host may send, without its line end. Real ones have less than 1 KiB. */
#define OVIRT_LINE_IN_MAX (64U * 1024)

typedef struct OvirtMessage {
        JsonNode *root;
        const char *name;    /* within root; not empty */
        JsonObject *members; /* within root; "__name__" is one of them */
} OvirtMessage;

/* Parses a line without its LF. 0; -EBADMSG if it is no JSON object; -EPROTO if it is one without a name. */
int ovirt_message_parse(const char *line, size_t n, OvirtMessage **ret);
OvirtMessage *ovirt_message_free(OvirtMessage *m);
DEFINE_CLEANUP(OvirtMessage, ovirt_message_free)
