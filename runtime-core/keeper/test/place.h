/* SPDX-License-Identifier: Apache-2.0 */
/* A temporary directory that the test works in, and that is gone after it. */
#ifndef GANTRY_TEST_PLACE_H
#define GANTRY_TEST_PLACE_H
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include "tap.h"

static char place[64];

static inline void place_leave(void)
{
	char command[128];

	/* rm, because nftw gives up on paths longer than PATH_MAX. */
	snprintf(command, sizeof(command), "rm -rf --one-file-system %s", place);
	if (chdir("/") < 0 || system(command) != 0)
		printf("# %s is left behind\n", place);
}

static inline void place_enter(void)
{
	strcpy(place, "/tmp/keeper-test-XXXXXX");
	need(mkdtemp(place) != NULL);
	need(chdir(place) == 0);
	atexit(place_leave);
}

/* The content of a file, with a NUL behind it; the caller frees it. An absent file is "(none)". */
static inline char *place_read(const char *path)
{
	FILE *file = fopen(path, "r");
	char *text = calloc(1, 1 << 20);

	need(text != NULL);
	if (file == NULL)
		return strcpy(text, "(none)");
	need(fread(text, 1, (1 << 20) - 1, file) < (1 << 20) - 1);
	fclose(file);
	return text;
}

static inline void place_write(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	need(file != NULL && fputs(text, file) >= 0 && fclose(file) == 0);
}

#endif
