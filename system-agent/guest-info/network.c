/* SPDX-License-Identifier: Apache-2.0 */
#include "guest-info/network.h"
#include "util/text.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netpacket/packet.h>
#include <stdbool.h>
#include <string.h>

/* Host ends of containers' cables, and tunnels, which the engine drops as well. */
static const char *const never_reported[] = {"veth*", "tun[0-9]*", NULL};

static void guest_interface_free(void *p) {
        GuestInterface *i = p;

        g_free(i->name);
        g_free(i->hw);
        g_ptr_array_unref(i->inet);
        g_ptr_array_unref(i->inet6);
        g_free(i);
}

/* @ll may be NULL. */
static char *mac_to_string(const struct sockaddr_ll *ll) {
        static const uint8_t none[6] = {};
        const uint8_t *a;

        if (!ll || ll->sll_hatype != ARPHRD_ETHER || ll->sll_halen != sizeof(none) ||
            memcmp(ll->sll_addr, none, sizeof(none)) == 0)
                return g_strdup("");
        a = ll->sll_addr;
        return g_strdup_printf("%02x:%02x:%02x:%02x:%02x:%02x", a[0], a[1], a[2], a[3], a[4], a[5]);
}

static void add_address(GPtrArray *addresses, int family, const void *binary) {
        char text[INET6_ADDRSTRLEN];

        /* The same address may be there with several prefix lengths. */
        if (inet_ntop(family, binary, text, sizeof(text)) &&
            !g_ptr_array_find_with_equal_func(addresses, text, g_str_equal, NULL))
                g_ptr_array_add(addresses, g_strdup(text));
}

static gint compare_names(gconstpointer a, gconstpointer b) {
        const GuestInterface *x = *(GuestInterface *const *) a, *y = *(GuestInterface *const *) b;

        return strcmp(x->name, y->name);
}

int guest_network_read(const char *const *ignored, GPtrArray **ret) {
        g_autoptr(GPtrArray) interfaces = g_ptr_array_new_with_free_func(guest_interface_free);
        g_autoptr(GHashTable) by_name = g_hash_table_new(g_str_hash, g_str_equal);
        struct ifaddrs *all;

        if (getifaddrs(&all) < 0)
                return -errno;

        /* The links first: each has an entry of its own, without an address where it has none (tunnels). */
        for (struct ifaddrs *a = all; a; a = a->ifa_next) {
                GuestInterface *i;

                if (a->ifa_addr && a->ifa_addr->sa_family != AF_PACKET)
                        continue;
                if (!(a->ifa_flags & IFF_UP) || (a->ifa_flags & IFF_LOOPBACK))
                        continue;
                if (glob_match_any(never_reported, a->ifa_name) || glob_match_any(ignored, a->ifa_name))
                        continue;
                i = g_new(GuestInterface, 1);
                *i = (GuestInterface){
                        .name = g_strdup(a->ifa_name),
                        .hw = mac_to_string((const struct sockaddr_ll *) a->ifa_addr),
                        .inet = g_ptr_array_new_with_free_func(g_free),
                        .inet6 = g_ptr_array_new_with_free_func(g_free),
                };
                g_ptr_array_add(interfaces, i);
                g_hash_table_insert(by_name, i->name, i);
        }

        for (struct ifaddrs *a = all; a; a = a->ifa_next) {
                char name[IF_NAMESIZE];
                GuestInterface *i;

                if (!a->ifa_addr)
                        continue;
                /* An IPv4 address goes by its label, "eth0:1"; no link's name has a colon. */
                g_strlcpy(name, a->ifa_name, sizeof(name));
                name[strcspn(name, ":")] = '\0';
                i = g_hash_table_lookup(by_name, name);
                if (!i)
                        continue;
                if (a->ifa_addr->sa_family == AF_INET)
                        add_address(i->inet, AF_INET, &((const struct sockaddr_in *) a->ifa_addr)->sin_addr);
                else if (a->ifa_addr->sa_family == AF_INET6)
                        add_address(i->inet6, AF_INET6,
                                    &((const struct sockaddr_in6 *) a->ifa_addr)->sin6_addr);
        }
        freeifaddrs(all);

        g_ptr_array_sort(interfaces, compare_names);
        *ret = g_steal_pointer(&interfaces);
        return 0;
}
