/* SPDX-License-Identifier: Apache-2.0 */
/* Tests as TAP lines, https://testanything.org: `ok 1 - a sentence`. A program is one file with a main of cases. */
#ifndef GANTRY_TAP_H
#define GANTRY_TAP_H
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int tap_count;
static int tap_failed;

static inline bool tap_say(bool good, const char *file, int line, const char *format, va_list arguments)
{
	printf("%sok %d - ", good ? "" : "not ", ++tap_count);
	vprintf(format, arguments);
	printf("\n");
	if (!good) {
		tap_failed++;
		printf("# at %s:%d\n", file, line);
	}
	fflush(stdout);
	return good;
}

__attribute__((format(printf, 4, 5))) static inline bool tap_ok(bool good, const char *file, int line, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	tap_say(good, file, line, format, arguments);
	va_end(arguments);
	return good;
}

__attribute__((format(printf, 5, 6))) static inline bool tap_is(int64_t got, int64_t expected, const char *file, int line, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	tap_say(got == expected, file, line, format, arguments);
	va_end(arguments);
	if (got != expected)
		printf("# got %" PRId64 ", expected %" PRId64 "\n", got, expected);
	return got == expected;
}

__attribute__((format(printf, 5, 6))) static inline bool tap_text(const char *got, const char *expected, const char *file, int line, const char *format, ...)
{
	va_list arguments;
	bool good = strcmp(got, expected) == 0;

	va_start(arguments, format);
	tap_say(good, file, line, format, arguments);
	va_end(arguments);
	if (!good)
		printf("# got      \"%.2000s\"\n# expected \"%.2000s\"\n", got, expected);
	return good;
}

#define ok(good, ...) tap_ok(good, __FILE__, __LINE__, __VA_ARGS__)
#define is(got, expected, ...) tap_is((int64_t)(got), (int64_t)(expected), __FILE__, __LINE__, __VA_ARGS__)
#define is_text(got, expected, ...) tap_text(got, expected, __FILE__, __LINE__, __VA_ARGS__)
#define skip(reason, name) printf("ok %d - %s # SKIP %s\n", ++tap_count, name, reason)

/* What a test needs to go on; not a test itself. */
#define need(good) \
	do { \
		if (!(good)) { \
			printf("Bail out! %s:%d: %s\n", __FILE__, __LINE__, #good); \
			exit(2); \
		} \
	} while (0)

static inline int tap_end(void)
{
	printf("1..%d\n", tap_count);
	return tap_failed == 0 ? 0 : 1;
}

#endif
