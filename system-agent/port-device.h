/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Where a port's device is, how to open it, and when to look again. No state of a link. */

#include <stdbool.h>

#include <systemd/sd-event.h>

#include "util/cleanup.h"

/* udev's directory of links named after the ports. */
#define PORT_DEVICE_PREFIX "/dev/virtio-ports/"

/* The path of the device called @name below @prefix; with the system's own prefix, also where sysfs knows
 * the name and udev made no link. -ENOENT if there is none. */
int port_device_find(const char *prefix, const char *name, char **ret);

/* Opens the device, terminal or UNIX stream socket at @path without blocking; a terminal is made raw. Sets
 * *ret_socket. Returns a descriptor, or -ENOENT, -EBUSY (another process has it), -ECONNREFUSED, ... */
int port_device_open(const char *path, bool *ret_socket);

/* Calls @changed after something that may be a port's device has appeared. */
typedef struct PortDeviceWatch PortDeviceWatch;

/* Watches for the file @path, or, where some directory on the way does not exist, for that. */
int port_device_watch_new(PortDeviceWatch **ret, sd_event *event, const char *path,
                          void (*changed)(void *userdata), void *userdata);
PortDeviceWatch *port_device_watch_free(PortDeviceWatch *w);
DEFINE_CLEANUP(PortDeviceWatch, port_device_watch_free)
