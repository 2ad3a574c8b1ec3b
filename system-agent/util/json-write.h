/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The counterpart of json-parse.h. json-glib's own generator, as long-lived distributions ship it, writes
 * 1e20 as "1e+20.0" and infinity as "inf.0", which nobody reads. */

#include <json-glib/json-glib.h>
#include <stdbool.h>

/* Whether the reader does not take the character @c. */
typedef bool (*JsonForbidden)(gunichar c);

/* Appends @node as JSON without white space, in UTF-8; members keep their order. A byte that is no UTF-8,
 * and each character that is @forbidden (NULL: none), becomes U+FFFD, in strings and in names. A number that
 * JSON cannot express becomes null. */
void json_write(GString *out, JsonNode *node, JsonForbidden forbidden);
