/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "layout.h"

/* Reads an "aa{sv}", as the bus has layouts; keys that are not known are ignored. NULL, or the reason why it
 * is none. Free it. */
char *layout_from_variant(Layout *ret, GVariant *value);

/* The counterpart: what is given of each monitor. Floating. */
GVariant *layout_to_variant(const Layout *l);
