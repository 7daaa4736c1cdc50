/*
 * posternd - the daemon
 */
#include <stdio.h>

int main(void)
{
	(void)fputs("posternd " VERSION "\n", stderr);
	return 2;
}
