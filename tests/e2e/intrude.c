/*
 * intrude PID - what a process could do if somebody took it over
 *
 * Attaches with ptrace(2) and makes the process itself call the kernel, as foreign code in it would:
 * a line "NAME: 0" or "NAME: ERROR" for each attempt, in the order of the table below. With a further
 * argument only the attempt of that name, which may end the process. x86-64 alone: 77 elsewhere.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>

#ifdef __x86_64__

enum { BELOW = 4096, TEXT = 256 };

/* Arguments: a number, or the address of `text`. */
static const struct attempt {
	const char *name;
	long call;
	const char *text;
	long arg[6];
	int text_arg; /* which argument is the text; -1: none */
	int deadly;
} attempts[] = {
	{ "read a file", SYS_openat, "/etc/passwd", { AT_FDCWD, 0, O_RDONLY }, 1, 0 },
	{ "write a file",
	  SYS_openat,
	  "/tmp/intruder",
	  { AT_FDCWD, 0, O_WRONLY | O_CREAT, 0600 },
	  1,
	  0 },
	{ "list a folder", SYS_openat, "/etc", { AT_FDCWD, 0, O_RDONLY | O_DIRECTORY }, 1, 0 },
	{ "make a socket", SYS_socket, NULL, { AF_INET, SOCK_STREAM, 0 }, -1, 0 },
	{ "make a netlink socket", SYS_socket, NULL, { AF_NETLINK, SOCK_RAW, 12 }, -1, 0 },
	{ "make a process", SYS_clone, NULL, { 17, 0, 0, 0, 0 }, -1, 0 },
	{ "become root", SYS_setuid, NULL, { 0 }, -1, 0 },
	{ "reach the monitor", SYS_kill, NULL, { 1, 0 }, -1, 0 },
	{ "make code",
	  SYS_mmap,
	  NULL,
	  { 0, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0 },
	  -1,
	  0 },
	{ "mount", SYS_mount, "/tmp", { 0, 0, 0, 0, 0 }, 1, 0 },
	{ "run a program", SYS_execve, "/bin/true", { 0, 0, 0 }, 0, 1 },
};

static _Noreturn void fail(const char *what)
{
	(void)fprintf(stderr, "intrude: %s: %s\n", what, strerror(errno));
	exit(2);
}

/* Puts text into the process's stack, far below what it uses. */
static void put_text(pid_t pid, unsigned long at, const char *text)
{
	char buf[TEXT] = "";
	struct iovec local = { buf, sizeof(buf) }, remote = { NULL, sizeof(buf) };

	memcpy(buf, text, strlen(text) < sizeof(buf) ? strlen(text) : sizeof(buf) - 1);
	memcpy(&remote.iov_base, &at, sizeof(at));
	if (process_vm_writev(pid, &local, 1, &remote, 1, 0) < 0)
		fail("writing to its memory");
}

static void set_arg(struct user_regs_struct *r, int i, unsigned long value)
{
	unsigned long long *const place[] = { &r->rdi, &r->rsi, &r->rdx, &r->r10, &r->r8, &r->r9 };

	*place[i] = value;
}

/* It stands behind the `syscall` that it sleeps in: two bytes back, and a step. */
static void attempt(pid_t pid, const struct attempt *a, const struct user_regs_struct *saved)
{
	struct user_regs_struct r = *saved;
	unsigned long text = (unsigned long)(r.rsp - BELOW);
	int status;

	if (a->text)
		put_text(pid, text, a->text);
	r.rip -= 2;
	r.rax = (unsigned long)a->call;
	r.orig_rax = (unsigned long)-1; /* nothing is to be restarted */
	for (int i = 0; i < 6; i++)
		set_arg(&r, i, i == a->text_arg ? text : (unsigned long)a->arg[i]);
	if (ptrace(PTRACE_SETREGS, pid, NULL, &r) < 0 ||
	    ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL) < 0 || waitpid(pid, &status, __WALL) < 0)
		fail("stepping");
	if (!WIFSTOPPED(status)) {
		(void)printf("%s: it was killed\n", a->name);
		exit(0);
	}
	if (ptrace(PTRACE_GETREGS, pid, NULL, &r) < 0)
		fail("reading its registers");
	(void)printf("%s: %s\n", a->name,
		     (long)r.rax < 0 ? strerrorname_np((int)-(long)r.rax) : "0");
}

int main(int argc, char **argv)
{
	struct user_regs_struct saved;
	pid_t pid;
	int status;

	if (argc < 2)
		return 2;
	pid = (pid_t)strtol(argv[1], NULL, 10);
	if (ptrace(PTRACE_SEIZE, pid, NULL, NULL) < 0 ||
	    ptrace(PTRACE_INTERRUPT, pid, NULL, NULL) < 0 || waitpid(pid, &status, __WALL) < 0 ||
	    ptrace(PTRACE_GETREGS, pid, NULL, &saved) < 0)
		fail("attaching");
	for (size_t i = 0; i < sizeof(attempts) / sizeof(*attempts); i++)
		if (argc > 2 ? strcmp(argv[2], attempts[i].name) == 0 : !attempts[i].deadly)
			attempt(pid, &attempts[i], &saved);
	if (ptrace(PTRACE_SETREGS, pid, NULL, &saved) < 0 ||
	    ptrace(PTRACE_DETACH, pid, NULL, NULL) < 0)
		fail("letting it go");
	return 0;
}

#else

int main(void)
{
	return 77;
}

#endif
