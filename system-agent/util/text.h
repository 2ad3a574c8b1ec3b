/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Small tools for text from files. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whether @s matches one of @patterns (fnmatch, NULL-terminated); one without wildcards matches itself. */
bool glob_match_any(const char *const *patterns, const char *s);

/* Decodes \ooo, as mountinfo writes blanks and backslashes, in place. Anything else stays, also \000. */
void unescape_octal(char *s);

/* Takes the decimal digits at *@p, moves it behind them. -EINVAL if there is none, -ERANGE if the number
 * fits no uint64_t; then nothing is moved or written. */
int scan_uint64(const char **p, uint64_t *ret);
/* The same for a text that is nothing but digits. */
int parse_uint64(const char *s, uint64_t *ret);

/* The beginning of @s, of @max bytes at the most, and up to the first that is no UTF-8; never ends within a
 * character. */
char *cut_text(const char *s, size_t max);

/* Takes the next line off *@text: *@ret of @ret_n bytes, without its newline. False at the end. */
bool next_line(const char **text, const char **ret, size_t *ret_n);

/* Reads the line KEY=VALUE of a shell-like file (os-release, sysconfig), VALUE unquoted as a shell would.
 * -ENOENT for another key, comments included, -EBADMSG for broken quotes. */
int parse_assignment(const char *line, size_t n, const char *key, char **ret);
