/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Memory for what is not to be found anywhere else: what the host says, which may be a password, and what is
 * kept of it. A mapping of its own: not swapped out as far as the limit of locked memory allows, in no core
 * dump, empty in children, and wiped before it is given back. */

#include <stddef.h>

/* @n bytes of zeros. */
void *secret_new(size_t n);
/* Takes NULL, and returns it. @n as it was asked for. */
void *secret_free(void *p, size_t n);
