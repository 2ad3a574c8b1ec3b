/* SPDX-License-Identifier: Apache-2.0 */
#include "channels.h"

#include <time.h>

struct Channel {
        Channels *channels;
        const char *name;
        char *port;
        bool host_connected;
        unsigned version;
        uint64_t last_heartbeat;
};

struct Channels {
        GPtrArray *list;
        void (*changed)(void *userdata);
        void *userdata;
};

static void channel_free(void *p) {
        Channel *c = p;

        g_free(c->port);
        g_free(c);
}

Channels *channels_new(void (*changed)(void *userdata), void *userdata) {
        Channels *c = g_new0(Channels, 1);

        c->list = g_ptr_array_new_with_free_func(channel_free);
        c->changed = changed;
        c->userdata = userdata;
        return c;
}

Channels *channels_free(Channels *c) {
        if (!c)
                return NULL;
        g_ptr_array_unref(c->list);
        g_free(c);
        return NULL;
}

Channel *channels_add(Channels *channels, const char *name) {
        Channel *c = g_new0(Channel, 1);

        c->channels = channels;
        c->name = name;
        c->port = g_strdup("");
        g_ptr_array_add(channels->list, c);
        return c;
}

const Channel *channels_get(const Channels *c, unsigned i) {
        return i < c->list->len ? c->list->pdata[i] : NULL;
}

const char *channel_name(const Channel *c) {
        return c->name;
}

const char *channel_port(const Channel *c) {
        return c->port;
}

bool channel_host_connected(const Channel *c) {
        return c->host_connected;
}

unsigned channel_version(const Channel *c) {
        return c->version;
}

uint64_t channel_last_heartbeat(const Channel *c) {
        return c->last_heartbeat;
}

static void changed(Channel *c) {
        c->channels->changed(c->channels->userdata);
}

void channel_set_link(Channel *c, const char *port, bool host_connected) {
        g_free(c->port);
        c->port = g_strdup(port ?: "");
        c->host_connected = host_connected;
        changed(c);
}

void channel_set_version(Channel *c, unsigned version) {
        if (c->version == version)
                return;
        c->version = version;
        changed(c);
}

void channel_beat(Channel *c) {
        struct timespec ts;

        (void) clock_gettime(CLOCK_REALTIME, &ts);
        c->last_heartbeat = (uint64_t) ts.tv_sec * 1000000 + (uint64_t) ts.tv_nsec / 1000;
}
