/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Becomes the greeter @argv. Returns with an error, or not at all. */
int greeter_exec(char **argv);

/* Runs the greeter @argv as a child, between pipes of ours and those to LightDM that the environment names.
 * Returns its exit status; or a negative errno, with everything as it was, so that greeter_exec() can do
 * without. */
int greeter_run(char **argv);
