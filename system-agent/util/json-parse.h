/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A strict JSON reader that yields json-glib's nodes. json-glib's own parser, as long-lived distributions
 * ship it, aborts the process at a lone surrogate, recurses without a bound, cuts strings at an escaped NUL,
 * wraps large integers around and accepts comments: not for text from outside. */

#include <json-glib/json-glib.h>

/* Parses @n bytes that json_scan() accepts. Escaped NUL characters and lone surrogates become U+FFFD; of
 * members with equal names the last counts; an integer that fits no int64_t becomes a double (which may be
 * infinite). 0, or -EBADMSG. */
int json_parse(const char *text, size_t n, JsonNode **ret);
