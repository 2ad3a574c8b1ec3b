/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Looking into parsed JSON: json-glib's getters complain loudly at a wrong type, these tell. */

#include <stdbool.h>
#include <stdint.h>

#include "util/json-parse.h"

/* What a getter found. */
typedef enum JsonFound {
        JSON_ABSENT, /* no such member, or null */
        JSON_VALUE,  /* there, with the type asked for */
        JSON_WRONG,  /* there, with another type */
} JsonFound;

/* The object in @node, or NULL if it is something else (or @node is NULL). Borrowed. */
JsonObject *json_node_as_object(JsonNode *node);
JsonArray *json_node_as_array(JsonNode *node);
/* The string in @node, or NULL. Borrowed. */
const char *json_node_as_string(JsonNode *node);

/* *ret is borrowed from @o, and written only for JSON_VALUE. */
JsonFound json_get_string(JsonObject *o, const char *name, const char **ret);
JsonFound json_get_bool(JsonObject *o, const char *name, bool *ret);
/* An integer, also as a number whose fraction is zero or a string of decimal digits, as hosts send them;
 * values that fit no int64_t count as wrong. */
JsonFound json_get_integer(JsonObject *o, const char *name, int64_t *ret);
