/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>

/* The value of a key in a file of KDE's settings, as it stands there: where it stands first; NULL if it does
 * not, or is marked as deleted. The rules differ from those of GKeyFile: names of groups may have brackets,
 * keys may have marks, and much else is left to the program that reads it. */
char *kde_file_lookup(const char *text, size_t n, const char *group, const char *key);
