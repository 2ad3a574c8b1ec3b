/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "cred-wire.h"

/* Fetches from the agent that listens at @path what it has for @token (in the shape of one). What @ret has
 * points into
 * @buffer, which the caller wipes, whatever is returned. Waits for @timeout_ms at most, all in all. Returns
 * 0, or
 *
 *   -ENOENT, -ECONNREFUSED  nobody listens
 *   -EPERM                  who listens is not root
 *   -ETIMEDOUT              there was no reply in time
 *   -ECONNRESET             the agent left without one
 *   -EBADMSG                what came was none
 *
 * or another error of the system. Raises no signal, and touches nothing of the process but a descriptor that
 * it closes. */
int cred_client_fetch(const char *path, const char *token, unsigned timeout_ms,
                      uint8_t buffer[static CRED_REPLY_MAX], CredReply *ret);
