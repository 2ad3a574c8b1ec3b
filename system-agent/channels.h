/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What each channel is doing, for whoever watches (the bus): protocols write it, faces read it. */

#include <stdbool.h>
#include <stdint.h>

#include "util/cleanup.h"

typedef struct Channel Channel;
typedef struct Channels Channels;

/* @changed is called after a change of any channel other than a heartbeat. */
Channels *channels_new(void (*changed)(void *userdata), void *userdata);
Channels *channels_free(Channels *c);
DEFINE_CLEANUP(Channels, channels_free)

/* Adds a channel that lives as long as @c. @name is kept, not copied. */
Channel *channels_add(Channels *c, const char *name);
/* The channel number @i, from 0; NULL after the last. */
const Channel *channels_get(const Channels *c, unsigned i);

const char *channel_name(const Channel *c);
/* The path of the device in use; "" while there is none. */
const char *channel_port(const Channel *c);
bool channel_host_connected(const Channel *c);
/* The version of the protocol that host and guest agreed on; 0 before. */
unsigned channel_version(const Channel *c);
/* When the last heartbeat went to the host, in microseconds of CLOCK_REALTIME; 0: never. */
uint64_t channel_last_heartbeat(const Channel *c);

void channel_set_link(Channel *c, const char *port, bool host_connected);
void channel_set_version(Channel *c, unsigned version);
void channel_beat(Channel *c);
