/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* json-glib, wrapped once: its parser accepts more than JSON and recurses without a bound before version
 * 1.10, and its getters complain loudly at a wrong type. Everything that reads JSON goes through here. */

#include <json-glib/json-glib.h>
#include <stdbool.h>
#include <stdint.h>

#define JSON_DEPTH_MAX 32

/* What a getter found. */
typedef enum JsonFound {
        JSON_ABSENT, /* no such member, or null */
        JSON_VALUE,  /* there, with the type asked for */
        JSON_WRONG,  /* there, with another type */
} JsonFound;

/* Parses @n bytes of text that hold exactly one JSON value, nested no deeper than JSON_DEPTH_MAX. The text
 * must be UTF-8 without NUL bytes. 0, or -EBADMSG. */
int json_parse(const char *text, size_t n, JsonNode **ret);

/* The object in @node, or NULL if it is something else (or @node is NULL). Borrowed. */
JsonObject *json_node_as_object(JsonNode *node);
JsonArray *json_node_as_array(JsonNode *node);
/* The string in @node, or NULL. Borrowed. */
const char *json_node_as_string(JsonNode *node);

JsonFound json_get_string(JsonObject *o, const char *name, const char **ret);
JsonFound json_get_bool(JsonObject *o, const char *name, bool *ret);
/* An integer, also as a number whose fraction is zero or a string of decimal digits, as hosts send them;
 * values that fit no int64_t count as wrong. */
JsonFound json_get_integer(JsonObject *o, const char *name, int64_t *ret);
