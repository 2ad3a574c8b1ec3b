/* SPDX-License-Identifier: Apache-2.0 */
#include "credentials.h"

#include <string.h>

static Credentials *of(const char *user) {
        Credentials *c = credentials_new();

        g_assert_cmpuint(g_strlcpy(c->user, user, sizeof(c->user)), <, sizeof(c->user));
        return c;
}

static void test_map(void) {
        static const char *const map[] = {"internal-authz=",     "corp=ad.example.org",
                                          "ldap-*=LDAP.EXAMPLE", "eng.example.org=corp",
                                          "keep=keep",           NULL};
        static const struct {
                const char *user, *mapped;
        } cases[] = {
                {"bob", "bob"},
                {"bob@", "bob@"},
                {"bob@internal-authz", "bob"},
                {"bob@INTERNAL-Authz", "bob"},
                {"bob@internal-authz2", "bob@internal-authz2"},
                {"bob@corp", "bob@ad.example.org"},
                {"bob@ldap-1", "bob@LDAP.EXAMPLE"},
                {"bob@ldap-", "bob@LDAP.EXAMPLE"},
                {"bob@x@corp", "bob@x@corp"},
                {"bob@ldap-@2", "bob@LDAP.EXAMPLE"},
                {"bob@keep", "bob@keep"},
                {"corp", "corp"},
        };
        static const char *const strip_all[] = {"*=", NULL}, *const nothing[] = {NULL};

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                _cleanup_(credentials_freep) Credentials *c = of(cases[i].user);

                g_assert_cmpint(credentials_map_domain(c, map), ==, 0);
                g_assert_cmpstr(c->user, ==, cases[i].mapped);
                g_assert_cmpint(credentials_map_domain(c, nothing), ==, 0);
                g_assert_cmpstr(c->user, ==, cases[i].mapped);
                g_assert_cmpint(credentials_map_domain(c, strip_all), ==, 0);
                g_assert_null(strchr(c->user, '@'));
        }
}

static void test_map_too_long(void) {
        for (unsigned over = 0; over < 2; over++) {
                g_autofree char *domain = g_strnfill(CRED_USER_MAX - 4 + over, 'd');
                g_autofree char *entry = g_strconcat("x=", domain, NULL);
                _cleanup_(credentials_freep) Credentials *c = of("bob@x");

                g_assert_cmpint(credentials_map_domain(c, (const char *const[]){entry, NULL}), ==,
                                over ? -ENAMETOOLONG : 0);
                g_assert_cmpuint(strlen(c->user), ==, over ? 5 : CRED_USER_MAX);
        }
}

static void test_for_other(void) {
        static const struct {
                const char *credentials, *account;
                bool other;
        } cases[] = {
                {"alice", "alice", false},    {"bob", "alice", true},
                {"Alice", "alice", false},    {"ŽLUŤ", "žluť", false},
                {"Alic", "alice", true},      {"alice@d", "alice", false},
                {"bob@d", "alice", false},    {"alice", "alice@d.example", false},
                {"alice", "D\\alice", false}, {"D\\bob", "alice", false},
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                _cleanup_(credentials_freep) Credentials *c = of(cases[i].credentials);

                g_assert_cmpint(credentials_are_for_other(c, cases[i].account), ==, cases[i].other);
        }
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/credentials/map", test_map);
        g_test_add_func("/credentials/map-too-long", test_map_too_long);
        g_test_add_func("/credentials/for-other", test_for_other);
        return g_test_run();
}
