/*
 * sandbox - giving rights away for good
 *
 * Used by each child of the monitor before it reads its first foreign byte. Every step is
 * checked by trying to undo it: a process that only believes that it has no rights is worse than
 * one that knows that it has.
 *
 * Landlock is called without a library, as its documentation does (landlock(7)); what the headers
 * at build time know may be less than what the kernel knows, so rights are asked for by number.
 */
#include "core/base/sandbox.h"

#include "core/base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/landlock.h>
#include <pwd.h>
#include <sched.h>
#include <seccomp.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

int sandbox_find_user(struct sandbox_user *user, const char *name, struct err *err)
{
	const struct passwd *pw = getpwnam(name);

	if (!pw)
		return err_set(
			err, ENOENT,
			"there is no user \"%s\"; make it with `systemd-sysusers`, or: useradd "
			"--system --no-create-home --shell /usr/sbin/nologin %s",
			name, name);
	if (pw->pw_uid == 0)
		return err_set(err, EINVAL, "user \"%s\" is root: expected one without rights",
			       name);
	*user = (struct sandbox_user){ pw->pw_uid, pw->pw_gid };
	return 0;
}

static int change_user(const struct sandbox_user *user, gid_t extra_gid, struct err *err)
{
	gid_t groups[2] = { user->gid, extra_gid };

	if (setgroups(extra_gid == (gid_t)-1 ? 1 : 2, groups) < 0 ||
	    setresgid(user->gid, user->gid, user->gid) < 0 ||
	    setresuid(user->uid, user->uid, user->uid) < 0)
		return err_set(err, errno, "becoming user %d: %s", (int)user->uid, strerror(errno));
	if (setuid(0) == 0 || setgid(0) == 0 || getuid() != user->uid || geteuid() != user->uid)
		return err_set(err, EPERM, "user %d can become root again", (int)user->uid);
	return 0;
}

static int drop_capabilities(struct err *err)
{
	cap_t none = cap_init();
	cap_t now;
	bool gone;

	if (!none || cap_set_proc(none) < 0) {
		(void)cap_free(none);
		return err_set(err, errno, "dropping capabilities: %s", strerror(errno));
	}
	now = cap_get_proc();
	gone = now && cap_compare(now, none) == 0;
	(void)cap_free(now);
	(void)cap_free(none);
	if (!gone)
		return err_set(err, EPERM, "dropping capabilities: some are left");
	return 0;
}

static int forbid_new_rights(struct err *err)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
		return err_set(err, errno, "no_new_privs: %s", strerror(errno));
	return 0;
}

int sandbox_become(const struct sandbox_user *user, gid_t extra_gid, struct err *err)
{
	if (geteuid() == 0 && change_user(user, extra_gid, err) < 0)
		return -1;
	if (drop_capabilities(err) < 0)
		return -1;
	return forbid_new_rights(err);
}

/* Rights on files by the version of Landlock that brought them: 13 with the first, then one each. */
static uint64_t all_rights(long version)
{
	uint64_t rights = (1U << 13) - 1;

	if (version >= 2)
		rights |= 1U << 13; /* refer */
	if (version >= 3)
		rights |= 1U << 14; /* truncate */
	if (version >= 5)
		rights |= 1U << 15; /* ioctl on devices */
	return rights;
}

/* What a folder with a database needs: all but running programs, devices and sockets. */
static uint64_t folder_rights(long version)
{
	return all_rights(version) & (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE |
				      LANDLOCK_ACCESS_FS_READ_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |
				      LANDLOCK_ACCESS_FS_REMOVE_FILE | 1U << 14);
}

static int allow_folder(int rules, const char *dir, long version)
{
	struct landlock_path_beneath_attr beneath = { .allowed_access = folder_rights(version) };
	long ret;

	beneath.parent_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (beneath.parent_fd < 0)
		return -1;
	ret = syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0);
	(void)close(beneath.parent_fd);
	return (int)ret;
}

int sandbox_only_dir(const char *dir, struct err *err)
{
	long version =
		syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	struct landlock_ruleset_attr attr = { 0 };
	int rules, ret = -1;

	if (version < 1)
		return 1;
	attr.handled_access_fs = all_rights(version);
	rules = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);
	if (rules >= 0 && allow_folder(rules, dir, version) == 0)
		ret = (int)syscall(SYS_landlock_restrict_self, rules, 0);
	if (ret < 0)
		(void)err_set(err, errno, "Landlock on %s: %s", dir, strerror(errno));
	if (rules >= 0)
		(void)close(rules);
	return ret;
}

/* What the engine's loop, SQLite, libmicrohttpd and the C library call; nothing opens a socket. */
static const int allowed_calls[] = {
	SCMP_SYS(read),
	SCMP_SYS(readv),
	SCMP_SYS(pread64),
	SCMP_SYS(write),
	SCMP_SYS(writev),
	SCMP_SYS(pwrite64),
	SCMP_SYS(recvmsg),
	SCMP_SYS(recvfrom),
	SCMP_SYS(sendmsg),
	SCMP_SYS(sendto),
	SCMP_SYS(accept),
	SCMP_SYS(accept4),
	/* On what the monitor has bound already. */
	SCMP_SYS(listen),
	SCMP_SYS(getsockopt),
	SCMP_SYS(setsockopt),
	SCMP_SYS(getsockname),
	SCMP_SYS(getpeername),
	SCMP_SYS(shutdown),
	SCMP_SYS(close),
	SCMP_SYS(dup),
	SCMP_SYS(fcntl),
	SCMP_SYS(fstat),
	SCMP_SYS(stat),
	SCMP_SYS(lstat),
	SCMP_SYS(newfstatat),
	SCMP_SYS(statx),
	SCMP_SYS(fstatfs),
	SCMP_SYS(statfs),
	SCMP_SYS(lseek),
	SCMP_SYS(ftruncate),
	SCMP_SYS(fallocate),
	SCMP_SYS(fsync),
	SCMP_SYS(fdatasync),
	SCMP_SYS(flock),
	SCMP_SYS(fadvise64),
	SCMP_SYS(open),
	SCMP_SYS(openat),
	SCMP_SYS(unlink),
	SCMP_SYS(unlinkat),
	SCMP_SYS(rename),
	SCMP_SYS(renameat),
	SCMP_SYS(renameat2),
	SCMP_SYS(access),
	SCMP_SYS(faccessat),
	SCMP_SYS(faccessat2),
	SCMP_SYS(readlink),
	SCMP_SYS(readlinkat),
	SCMP_SYS(getcwd),
	SCMP_SYS(getdents64),
	SCMP_SYS(fchmod),
	SCMP_SYS(fchown),
	SCMP_SYS(umask),
	SCMP_SYS(munmap),
	SCMP_SYS(mremap),
	SCMP_SYS(madvise),
	SCMP_SYS(brk),
	SCMP_SYS(futex),
	SCMP_SYS(epoll_create1),
	SCMP_SYS(epoll_ctl),
	SCMP_SYS(epoll_wait),
	SCMP_SYS(epoll_pwait),
	SCMP_SYS(epoll_pwait2),
	SCMP_SYS(eventfd2),
	SCMP_SYS(poll),
	SCMP_SYS(ppoll),
	SCMP_SYS(select),
	SCMP_SYS(pselect6),
	SCMP_SYS(pipe2),
	SCMP_SYS(clock_gettime),
	SCMP_SYS(clock_nanosleep),
	SCMP_SYS(nanosleep),
	SCMP_SYS(gettimeofday),
	SCMP_SYS(getpid),
	SCMP_SYS(gettid),
	SCMP_SYS(getuid),
	SCMP_SYS(geteuid),
	SCMP_SYS(getgid),
	SCMP_SYS(getegid),
	SCMP_SYS(getrandom),
	SCMP_SYS(getrusage),
	SCMP_SYS(sysinfo),
	SCMP_SYS(uname),
	SCMP_SYS(sched_yield),
	SCMP_SYS(sched_getaffinity),
	SCMP_SYS(set_robust_list),
	SCMP_SYS(rseq),
	SCMP_SYS(rt_sigaction),
	SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(sigaltstack),
	SCMP_SYS(restart_syscall),
	SCMP_SYS(tgkill),
	SCMP_SYS(exit),
	SCMP_SYS(exit_group),
};

/* Nobody calls these by accident. */
static const int deadly_calls[] = {
	SCMP_SYS(execve), SCMP_SYS(execveat), SCMP_SYS(ptrace), SCMP_SYS(fork), SCMP_SYS(vfork),
};

static int add_rules(scmp_filter_ctx ctx)
{
	int rc = 0;

	for (size_t i = 0; i < COUNT(allowed_calls); i++)
		rc |= seccomp_rule_add(ctx, SCMP_ACT_ALLOW, allowed_calls[i], 0);
	for (size_t i = 0; i < COUNT(deadly_calls); i++)
		rc |= seccomp_rule_add(ctx, SCMP_ACT_KILL_PROCESS, deadly_calls[i], 0);
	/* Memory may be run or written, as it was before; no more of it becomes runnable. */
	rc |= seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
			       SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	rc |= seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
			       SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	/* Threads, not processes; clone3 can't be looked into, and without it clone is tried. */
	rc |= seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
			       SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD));
	rc |= seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
	/* Limits are asked for, never set. */
	rc |= seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), 1,
			       SCMP_A2(SCMP_CMP_EQ, 0, 0));
	/* How much waits on a descriptor, and that it is not waited for: no terminal, no device. */
	rc |= seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
			       SCMP_A1(SCMP_CMP_EQ, FIONREAD, 0));
	rc |= seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
			       SCMP_A1(SCMP_CMP_EQ, FIONBIO, 0));
	return rc;
}

int sandbox_only_calls(struct err *err)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int rc = -ENOMEM;

	if (ctx && add_rules(ctx) == 0)
		rc = seccomp_load(ctx);
	seccomp_release(ctx);
	if (rc < 0)
		return err_set(err, -rc, "seccomp: %s", strerror(-rc));
	return 0;
}

/* What it does not have (in a container, say) it can't keep: then what needs it says so. */
static int set_capabilities(unsigned long long keep)
{
	cap_t now = cap_get_proc(), caps = cap_init();
	int ret = now && caps ? 0 : -1;

	for (cap_value_t c = 0; ret == 0 && c <= CAP_LAST_CAP; c++) {
		cap_flag_value_t has = CAP_CLEAR;

		(void)cap_get_flag(now, c, CAP_PERMITTED, &has);
		if (has != CAP_SET || !(keep & 1ULL << c))
			continue;
		ret = cap_set_flag(caps, CAP_PERMITTED, 1, &c, CAP_SET);
		ret |= cap_set_flag(caps, CAP_EFFECTIVE, 1, &c, CAP_SET);
		ret |= cap_set_flag(caps, CAP_INHERITABLE, 1, &c, CAP_SET);
	}
	ret = ret == 0 ? cap_set_proc(caps) : -1;
	(void)cap_free(caps);
	(void)cap_free(now);
	return ret;
}

int sandbox_only_capabilities(unsigned long long keep, struct err *err)
{
	if (geteuid() == 0) {
		for (int c = 0; cap_valid(c) && prctl(PR_CAPBSET_READ, c, 0, 0, 0) >= 0; c++)
			if (!(keep & 1ULL << c) && prctl(PR_CAPBSET_DROP, c, 0, 0, 0) < 0)
				return err_set(err, errno, "capability %d: %s", c, strerror(errno));
		if (set_capabilities(keep) < 0)
			return err_set(err, errno, "capabilities: %s", strerror(errno));
	}
	/* Who may change users anyway may as well run programs that do: Exim delivers only so. */
	return (keep & 1ULL << CAP_SETUID) ? 0 : forbid_new_rights(err);
}
