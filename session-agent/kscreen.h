/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What kscreen-doctor, KDE's own tool for monitors, says and is told. Pure: starts nothing. */

#include "mutter-state.h"

/* Reads what "kscreen-doctor -j" prints, into the form in which mutter says the same: one plan is for both.
 * NULL if it makes no sense. */
MutterState *kscreen_parse(const char *text, size_t n);

/* The arguments that do what mutter_state_plan() has planned; NULL-terminated, free with g_strfreev(). */
char **kscreen_arguments(const MutterState *s, GVariant *config);
