/* SPDX-License-Identifier: Apache-2.0 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "agent.h"
#include "config.h"
#include "protocol.h"
#include "util/log.h"

/* Wrong options or configuration; other failures are EXIT_FAILURE. */
#define EXIT_USAGE 2

static const char *arg_config = NULL;
static const char *arg_collect = NULL;
static bool arg_print_config = false;
static GArray *arg_ports = NULL; /* PortOverride */

static void help(void) {
        printf("Usage: ovirt-system-agent [OPTION]...\n\n"
               "Reports this machine to the oVirt host that runs it, and obeys it.\n\n"
               "  --config FILE      read FILE instead of " CONFIG_FILE "\n"
               "  --port NAME=PATH   use the device, terminal or UNIX socket PATH as port NAME\n"
               "  --collect NAME     print the report NAME as the host would get it\n"
               "  --print-config     print the configuration in effect\n"
               "  --debug            log more\n"
               "  -h, --help         this text\n"
               "  --version          the version\n\n"
               "See ovirt-system-agent(8).\n");
}

static bool is_port_name(const char *name) {
        for (size_t i = 0; protocols[i]; i++)
                if (g_strv_contains(protocols[i]->port_names, name))
                        return true;
        return false;
}

/* Takes "NAME=PATH" apart, in place. */
static int add_port(char *argument) {
        char *separator = strchr(argument, '=');

        if (!separator || separator[1] == 0) {
                log_error("--port %s: expected NAME=PATH", argument);
                return -EINVAL;
        }
        *separator = 0;
        for (guint i = 0; i < arg_ports->len; i++)
                if (g_str_equal(g_array_index(arg_ports, PortOverride, i).name, argument)) {
                        log_error("--port %s: given twice", argument);
                        return -EINVAL;
                }
        if (!is_port_name(argument)) {
                log_error("--port: there is no port called \"%s\"; see ovirt-system-agent(8)", argument);
                return -EINVAL;
        }
        g_array_append_vals(arg_ports, &(PortOverride){argument, separator + 1}, 1);
        return 0;
}

/* 1 to go on, 0 to leave, negative errno for wrong options (said). */
static int parse_arguments(int argc, char **argv) {
        enum { ARG_VERSION = 0x100, ARG_CONFIG, ARG_PORT, ARG_DEBUG, ARG_COLLECT, ARG_PRINT_CONFIG };
        static const struct option options[] = {
                {"help", no_argument, NULL, 'h'},
                {"version", no_argument, NULL, ARG_VERSION},
                {"config", required_argument, NULL, ARG_CONFIG},
                {"port", required_argument, NULL, ARG_PORT},
                {"debug", no_argument, NULL, ARG_DEBUG},
                {"collect", required_argument, NULL, ARG_COLLECT},
                {"print-config", no_argument, NULL, ARG_PRINT_CONFIG},
                {},
        };
        int c;

        while ((c = getopt_long(argc, argv, "h", options, NULL)) >= 0)
                switch (c) {
                case 'h':
                        help();
                        return 0;
                case ARG_VERSION:
                        puts("ovirt-guest-agent " PROJECT_VERSION);
                        return 0;
                case ARG_CONFIG:
                        arg_config = optarg;
                        break;
                case ARG_PORT:
                        if (add_port(optarg) < 0)
                                return -EINVAL;
                        break;
                case ARG_DEBUG:
                        log_set_debug(true);
                        break;
                case ARG_COLLECT:
                        arg_collect = optarg;
                        break;
                case ARG_PRINT_CONFIG:
                        arg_print_config = true;
                        break;
                default:
                        return -EINVAL; /* getopt has said it */
                }
        if (optind < argc) {
                log_error("Unexpected argument \"%s\"; see --help", argv[optind]);
                return -EINVAL;
        }
        return 1;
}

static int collect(const Config *config) {
        g_autoptr(GString) names = g_string_new(NULL);

        for (size_t i = 0; protocols[i]; i++) {
                _cleanup_free_ char *line = NULL;
                int r = protocols[i]->collect(arg_collect, config, &line);

                if (r >= 0) {
                        (void) fputs(line, stdout);
                        return EXIT_SUCCESS;
                }
                if (r != -ENOENT) {
                        log_error_errno(r, "Cannot collect %s: %m", arg_collect);
                        return EXIT_FAILURE;
                }
                for (const char *const *name = protocols[i]->report_names; *name; name++)
                        g_string_append_printf(names, " %s", *name);
        }
        log_error("There is no report \"%s\"; there are:%s", arg_collect, names->str);
        return EXIT_USAGE;
}

static int run(int argc, char **argv) {
        _cleanup_(config_freep) Config *config = NULL;
        _cleanup_(agent_freep) Agent *agent = NULL;
        int r = parse_arguments(argc, argv);

        if (r <= 0)
                return r < 0 ? EXIT_USAGE : EXIT_SUCCESS;
        r = config_load(arg_config, &config);
        if (r < 0)
                return EXIT_USAGE;
        if (arg_print_config) {
                config_print(config, stdout);
                return EXIT_SUCCESS;
        }
        if (arg_collect)
                return collect(config);

        r = agent_new(&agent, config, (const PortOverride *) (void *) arg_ports->data, arg_ports->len);
        if (r >= 0)
                r = agent_run(agent);
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char **argv) {
        int status;

        (void) umask(0077);
        log_open();
        arg_ports = g_array_new(false, false, sizeof(PortOverride));
        status = run(argc, argv);
        g_array_unref(arg_ports);
        if (fflush(stdout) < 0 || ferror(stdout)) {
                log_error("Cannot write to standard output");
                return EXIT_FAILURE;
        }
        return status;
}
