/* SPDX-License-Identifier: Apache-2.0 */
#include "guest-info/hostname.h"
#include "util/cleanup.h"
#include "util/read-file.h"
#include "util/text.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <stdbool.h>
#include <string.h>
#include <sys/utsname.h>

#define HOSTS_MAX (1024U * 1024)
#define FQDN_MAX 253

int guest_hostname_read(char **ret) {
        struct utsname u;

        if (uname(&u) < 0)
                return -errno;
        /* "(none)" is the kernel's own default. */
        *ret = g_strdup(u.nodename[0] && strcmp(u.nodename, "(none)") != 0 ? u.nodename : "localhost");
        return 0;
}

/* Whether the host can use @name: a dotted name of host name characters, no address and not localhost. */
static bool is_fqdn(const char *name) {
        size_t n = strlen(name);
        bool dot = false, letter = false;

        if (n == 0 || n > FQDN_MAX || g_ascii_strncasecmp(name, "localhost", strlen("localhost")) == 0)
                return false;
        for (size_t i = 0; i < n; i++) {
                if (name[i] == '.') {
                        if (i == 0 || name[i - 1] == '.')
                                return false;
                        dot = dot || i + 1 < n;
                } else if (g_ascii_isalpha(name[i]))
                        letter = true;
                else if (!g_ascii_isdigit(name[i]) && name[i] != '-' && name[i] != '_')
                        return false;
        }
        return dot && letter;
}

/* @name without the dot of DNS's root at its end. */
static char *fqdn_dup(const char *name) {
        size_t n = strlen(name);

        return g_strndup(name, g_str_has_suffix(name, ".") ? n - 1 : n);
}

static bool is_address(const char *s) {
        uint8_t buffer[sizeof(struct in6_addr)];
        _cleanup_free_ char *address = g_strndup(s, strcspn(s, "%"));

        return inet_pton(AF_INET, address, buffer) == 1 || inet_pton(AF_INET6, address, buffer) == 1;
}

int guest_fqdn_parse_hosts(const char *hosts, const char *hostname, char **ret) {
        const char *line;
        size_t n;

        while (next_line(&hosts, &line, &n)) {
                _cleanup_free_ char *copy = g_strndup(line, n);
                char *save = NULL, *word;
                const char *canonical;

                copy[strcspn(copy, "#")] = '\0';
                word = strtok_r(copy, " \t\r", &save);
                if (!word || !is_address(word))
                        continue;
                canonical = word = strtok_r(NULL, " \t\r", &save);
                if (!canonical || !is_fqdn(canonical))
                        continue;
                for (; word; word = strtok_r(NULL, " \t\r", &save))
                        if (g_ascii_strcasecmp(word, hostname) == 0) {
                                *ret = fqdn_dup(canonical);
                                return 0;
                        }
        }
        return -ENOENT;
}

int guest_fqdn_from_files(int root_fd, const char *hostname, char **ret) {
        _cleanup_free_ char *hosts = NULL;

        if (is_fqdn(hostname)) {
                *ret = fqdn_dup(hostname);
                return 0;
        }
        if (read_file(root_fd, "etc/hosts", HOSTS_MAX, &hosts, NULL) < 0)
                return -ENOENT;
        return guest_fqdn_parse_hosts(hosts, hostname, ret);
}

int guest_fqdn_resolve(const char *hostname, char **ret) {
        const struct addrinfo hints = {
                .ai_family = AF_UNSPEC,
                .ai_socktype = SOCK_STREAM,
                .ai_flags = AI_CANONNAME,
        };
        struct addrinfo *ai = NULL;
        int r;

        r = getaddrinfo(hostname, NULL, &hints, &ai);
        if (r == EAI_SYSTEM)
                return -errno;
        if (r == EAI_AGAIN)
                return -EAGAIN;
        if (r != 0)
                return -ENOENT;
        /* Only the first entry has the name. */
        if (ai->ai_canonname && is_fqdn(ai->ai_canonname)) {
                *ret = fqdn_dup(ai->ai_canonname);
                r = 0;
        } else
                r = -ENOENT;
        freeaddrinfo(ai);
        return r;
}
