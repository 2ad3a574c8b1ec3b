/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The counterpart of json-parse.h. json-glib's own generator, as long-lived distributions ship it, writes
 * 1e20 as "1e+20.0" and infinity as "inf.0", which nobody reads. */

#include <json-glib/json-glib.h>

/* Appends @node as JSON without white space, in UTF-8; members keep their order. Strings must be UTF-8. A
 * number that JSON cannot express becomes null. */
void json_write(GString *out, JsonNode *node);
