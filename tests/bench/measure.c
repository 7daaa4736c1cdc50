/*
 * measure - what one command cost: "SECONDS MEGABYTES STATUS" on standard output
 *
 * measure OUTPUT COMMAND [ARGUMENT ...]: the command's standard output goes into the file OUTPUT
 * (a grep that sees /dev/null there stops at its first match). Seconds are wall time, megabytes
 * the peak of resident memory (getrusage(2), ru_maxrss).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now_s(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void become(int output, char **argv)
{
	if (dup2(output, STDOUT_FILENO) >= 0)
		(void)execvp(argv[0], argv);
	(void)fprintf(stderr, "measure: %s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

int main(int argc, char **argv)
{
	struct rusage usage;
	double from;
	int status, output;
	pid_t pid;

	if (argc < 3) {
		(void)fputs("usage: measure OUTPUT COMMAND [ARGUMENT ...]\n", stderr);
		return 2;
	}
	/* Emptied first: to throw away what another command wrote takes time that is not this one's. */
	output = open(argv[1], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (output < 0) {
		perror(argv[1]);
		return 2;
	}
	from = now_s();
	pid = fork();
	if (pid == 0)
		become(output, argv + 2);
	if (pid < 0 || wait4(pid, &status, 0, &usage) < 0) {
		perror("measure");
		return 2;
	}
	(void)printf("%.4f %.1f %d\n", now_s() - from, (double)usage.ru_maxrss / 1024,
		     WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
	return 0;
}
