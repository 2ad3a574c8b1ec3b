/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

/* Whether the connector called @name is one of the virtual machine's, which the host arranges, and not one
 * of a real card that was passed through to it. By the name, or by the card in @sysfs ("/sys") that has it.
 */
bool connector_is_virtual(const char *name, const char *sysfs);
