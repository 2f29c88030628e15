/* SPDX-License-Identifier: Apache-2.0 */
/* Paths of an image: nothing in it leads out of its root, and nothing is made outside. */
#define _GNU_SOURCE
#include "../interpret.h"
#include "place.h"
#include <errno.h>
#include <limits.h>
#include <sys/sysmacros.h>

static int root;

/* root/ is the image, outside/ is what it must not reach; `secret` exists outside only. */
static void build(void)
{
	need(mkdir("outside", 0755) == 0 && mkdir("root", 0755) == 0 && mkdir("root/etc", 0755) == 0);
	place_write("outside/secret", "outside");
	place_write("root/etc/passwd", "inside");
	need(symlink("/etc", "root/absolute") == 0);
	need(symlink("../../../../../../../../etc", "root/etc/up") == 0);
	need(symlink("../outside", "root/escape") == 0);
	need(symlink("/outside/secret", "root/secret") == 0);
	need(symlink("loop2", "root/loop1") == 0 && symlink("loop1", "root/loop2") == 0);
	need(symlink("/run/lock", "root/dangling") == 0);
	need(symlink("../../../made-up/here", "root/etc/dangling-up") == 0);
	need(symlink("/proc/self/root", "root/magic") == 0);
	root = open("root", O_PATH | O_DIRECTORY | O_CLOEXEC);
	need(root >= 0);
}

/* The path of an opened descriptor, below the test's directory. */
static const char *where(int fd)
{
	static char target[PATH_MAX];
	char link[64];

	if (fd < 0)
		return strerrorname_np(-fd);
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	ssize_t n = readlink(link, target, sizeof(target) - 1);
	close(fd);
	if (n < 0) /* ENAMETOOLONG: deeper than a path can say */
		return "(deep)";
	target[n] = '\0';
	return strncmp(target, place, strlen(place)) == 0 ? target + strlen(place) : target;
}

static const char *opened(const char *path) { return where(root_open(root, path, O_PATH)); }

static const char *made(const char *path) { return where(root_make(root, path, 1, 0755, 0, 0)); }

static const char *file_made(const char *path) { return where(root_make(root, path, 0, 0644, 0, 0)); }

static void opening(void)
{
	is_text(opened("/etc/passwd"), "/root/etc/passwd", "an absolute path begins at the root");
	is_text(opened("etc/passwd"), "/root/etc/passwd", "a relative path too");
	is_text(opened("///etc//passwd"), "/root/etc/passwd", "slashes may be many");
	is_text(opened("/"), "/root", "the root is the root");
	is_text(opened("/.."), "/root", "above the root is the root");
	is_text(opened("/../../../etc/../etc/passwd"), "/root/etc/passwd", "dots stay inside");
	is_text(opened("/absolute/passwd"), "/root/etc/passwd", "an absolute symlink begins at the root");
	is_text(opened("/etc/up/passwd"), "/root/etc/passwd", "a symlink that climbs ends at the root");
	is_text(opened("/escape/secret"), "ENOENT", "a symlink to a neighbour of the root finds nothing");
	is_text(opened("/secret"), "ENOENT", "an absolute symlink to the host's file finds nothing");
	is_text(opened("/loop1"), "ELOOP", "symlinks in a circle are refused");
	is_text(opened("/etc/passwd/x"), "ENOTDIR", "a file is no directory");
	is_text(opened(""), "ENOENT", "an empty path is nothing");
}

static void making(void)
{
	is_text(made("/a/b/c"), "/root/a/b/c", "missing directories are made");
	is_text(made("/a/b/c"), "/root/a/b/c", "existing ones are taken");
	is_text(made("/absolute/new"), "/root/etc/new", "through an absolute symlink, inside");
	is_text(made("/etc/up/new2"), "/root/etc/new2", "through a climbing symlink, inside");
	is_text(made("/dangling/x"), "/root/run/lock/x", "what a dangling symlink points to is made inside");
	is_text(made("/etc/dangling-up/x"), "/root/made-up/here/x", "also where it climbs");
	is_text(made("/escape/new"), "/root/outside/new", "what a symlink to a neighbour means is made inside");
	is(access("outside/new", F_OK), -1, "and not outside");
	is_text(file_made("/escape/file"), "/root/outside/file", "files too");
	is(access("outside/file", F_OK), -1, "are not made outside");
	is_text(made("/loop1/x"), "ELOOP", "nothing is made through symlinks in a circle");
	is_text(made("/loop1"), "ELOOP", "nor in their place");
	is_text(made("/etc/passwd/x"), "ENOTDIR", "nothing is made below a file");
	is_text(made("/x/../../../../y"), "/root/y", "dots in what is made stay inside");
	is(access("y", F_OK), -1, "and make nothing above the root");
	is_text(file_made("/var/log/app.log"), "/root/var/log/app.log", "a file and its directories are made");
	struct stat st;
	need(stat("root/var/log/app.log", &st) == 0);
	ok(S_ISREG(st.st_mode), "the last of them as a file");
	is_text(file_made("/run2/"), "/root/run2", "a file with a slash behind it");
}

static void modes(void)
{
	struct stat st;

	need(stat("root/a/b", &st) == 0);
	is(st.st_mode & 0777, 0755, "directories can be entered by everybody");
	int fd = root_make(root, "/sticky/tmp", 1, 01777, 0, 0);
	need(fd >= 0 && fstat(fd, &st) == 0);
	close(fd);
	is(st.st_mode & 07777, 01777, "the last one has the mode that was asked for");
	need(stat("root/sticky", &st) == 0);
	is(st.st_mode & 07777, 0755, "its parents have 0755");
	if (geteuid() != 0) {
		skip("needs root", "owners");
		return;
	}
	where(root_make(root, "/owned/deep", 1, 0755, 1000, 1001));
	need(stat("root/owned/deep", &st) == 0);
	ok(st.st_uid == 1000 && st.st_gid == 1001, "what is made belongs to the user");
}

static void long_paths(void)
{
	char path[PATH_MAX + 64];

	memset(path, 'n', sizeof(path));
	path[0] = '/';
	path[sizeof(path) - 1] = '\0';
	is_text(made(path), "ENAMETOOLONG", "a path longer than any path is refused");
	path[300] = '\0';
	is_text(made(path), "ENAMETOOLONG", "a name longer than any name is refused");
	for (size_t i = 0; i < sizeof(path) - 1; i++)
		path[i] = i % 2 == 0 ? '/' : 'd';
	path[PATH_MAX - 2] = '\0';
	const char *deep = made(path);
	ok(strcmp(deep, "ENAMETOOLONG") == 0 || strcmp(deep, "(deep)") == 0 || strncmp(deep, "/root/d/d/d", 11) == 0, "a path of two thousand directories is made or refused");
	char link[PATH_MAX];
	memset(link, 'x', sizeof(link));
	for (size_t i = 0; i < sizeof(link); i += 200)
		link[i] = '/';
	link[PATH_MAX - 10] = '\0';
	need(symlink(link, "root/longlink") == 0);
	is_text(made("/longlink/and/more/of/it/that/is/too/long"), "ENAMETOOLONG", "a dangling symlink that leads too far is refused");
}

/* Many dangling symlinks, each to the next: the walk counts them. */
static void chains(void)
{
	char name[32], to[32];

	for (int i = 0; i < 60; i++) {
		snprintf(name, sizeof(name), "root/chain%d", i);
		snprintf(to, sizeof(to), "/chain%d", i + 1);
		need(symlink(to, name) == 0);
	}
	is_text(made("/chain50/x"), "/root/chain60/x", "ten dangling symlinks are followed");
	need(rmdir("root/chain60/x") == 0 && rmdir("root/chain60") == 0);
	is_text(made("/chain0/x"), "ELOOP", "sixty are not");
}

static struct interpreter interpreter;

static int run(op_function function, uint64_t w0, const char *w1, uint64_t w2, uint64_t w3, uint64_t w4, uint64_t w5)
{
	struct op op = { .w = { w0, (uint64_t)(uintptr_t)w1, w2, w3, w4, w5 } };

	return function(&interpreter, &op);
}

static void nodes(void)
{
	struct stat st;

	for (int i = 0; i < SLOT_COUNT; i++)
		interpreter.slots[i] = -1;
	interpreter.slots[16] = root;
	umask(022); /* as in the child */
	is(run(op_mknod_in, 16, "/pipes/one", S_IFIFO | 0666, 0, 0, 0), 0, "a node is made, and its directory");
	need(stat("root/pipes/one", &st) == 0);
	ok(S_ISFIFO(st.st_mode) && (st.st_mode & 0777) == 0666, "with its mode, whatever the umask is");
	need(stat("root/pipes", &st) == 0);
	is(st.st_mode & 0777, 0755, "and its directory can be entered by everybody");
	is(run(op_mknod_in, 16, "/pipes/one", S_IFIFO | 0600, 0, 7, 0), 0, "an existing one of its kind stays");
	need(stat("root/pipes/one", &st) == 0);
	ok((st.st_mode & 0777) == 0666 && st.st_uid == geteuid(), "as it is");
	is(run(op_mknod_in, 16, "/etc/passwd", S_IFIFO | 0666, 0, 0, 0), -EEXIST, "an existing one of another kind is an error");
	is(run(op_mknod_in, 16, "/secret", S_IFIFO | 0666, 0, 0, 0), -EEXIST, "so is a symlink");
	is(run(op_mknod_in, 16, "/escape/fifo", S_IFIFO | 0666, 0, 0, 0), 0, "through a symlink it is made inside");
	is(access("outside/fifo", F_OK), -1, "and not outside");
	is(run(op_mknod_in, 16, "/pipes/..", S_IFIFO | 0666, 0, 0, 0), -EINVAL, "a path that ends with dots is refused");
	is(run(op_mknod_in, 16, "/", S_IFIFO | 0666, 0, 0, 0), -EINVAL, "and the root itself");

	struct op link = { .w = { 16, (uint64_t)(uintptr_t)"/proc/self/fd", (uint64_t)(uintptr_t)"/escape/fd" } };
	is(op_symlink_in(&interpreter, &link), 0, "a symlink is made inside");
	is(access("outside/fd", F_OK), -1, "and not outside");
	is(op_symlink_in(&interpreter, &link), 0, "an existing one stays");

	is(run(op_chmod_in, 16, "/etc/passwd", 0600, 0, 0, 0), 0, "a mode is changed");
	need(stat("root/etc/passwd", &st) == 0);
	is(st.st_mode & 0777, 0600, "and is what was asked for");
	need(chmod("outside/secret", 0644) == 0);
	is(run(op_chmod_in, 16, "/secret", 0600, 0, 0, 0), -ENOENT, "the mode of the host's file cannot be changed");
}

int main(void)
{
	umask(0);
	place_enter();
	build();
	opening();
	making();
	modes();
	long_paths();
	chains();
	nodes();
	close(root);
	return tap_end();
}
