/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Configuration files as the old agent read them: "[section]", "key = value" or "key: value", comments after
 * '#' or ';' at the start of a line and after " ;" behind a value, a value continued on lines that begin
 * with white space. */

#include <stddef.h>

/* One entry. @key is in lower case, @value without white space around it, continuation lines joined by a
 * newline. Section names keep their case. @line is where the entry begins. A negative return ends the
 * parsing with that error. */
typedef int (*IniEntry)(const char *section, const char *key, const char *value, unsigned line,
                        void *userdata);

/* Parses @n bytes. 0, what @entry returned, or -EBADMSG with *ret_line the line that is none of the above
 * and *ret_reason what is wrong with it (a constant). */
int ini_parse(const char *text, size_t n, IniEntry entry, void *userdata, unsigned *ret_line,
              const char **ret_reason);
