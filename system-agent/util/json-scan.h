/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* JSON taken apart where it stands, strictly and without a copy of anything: what the text says is told as
 * events that point into it. */

#include <stdbool.h>
#include <sys/types.h>

#define JSON_DEPTH_MAX 32
#define JSON_MEMBERS_MAX 1024

typedef enum JsonEvent {
        JSON_OBJECT,
        JSON_OBJECT_END,
        JSON_ARRAY,
        JSON_ARRAY_END,
        JSON_NAME,    /* of a member, whose value follows; like a string */
        JSON_STRING,  /* what stands between the quotes: for json_text_decode() */
        JSON_INTEGER, /* a number without fraction and exponent, of any size */
        JSON_REAL,
        JSON_TRUE,
        JSON_FALSE,
        JSON_NULL,
} JsonEvent;

/* @text: the @n bytes that the event is made of. */
typedef void (*JsonHandler)(JsonEvent event, const char *text, size_t n, void *userdata);

/* Goes through @n bytes that hold exactly one JSON value (RFC 8259), nested no deeper than JSON_DEPTH_MAX,
 * with no more than JSON_MEMBERS_MAX members in an object, in UTF-8. 0, or -EBADMSG: then what the handler
 * has been told so far means nothing. */
int json_scan(const char *text, size_t n, JsonHandler handler, void *userdata);

/* Writes what the string or name between quotes stands for, with a NUL behind it: never more bytes than @n.
 * Escaped NUL characters and lone surrogates become U+FFFD, or are refused if @exactly. Returns the length,
 * -ENOBUFS if @size bytes do not hold it, -EILSEQ if it is refused; there may be a part in @buffer then. */
ssize_t json_text_decode(const char *text, size_t n, bool exactly, char *buffer, size_t size);

/* Whether it stands for @s. */
bool json_text_equal(const char *text, size_t n, const char *s);
