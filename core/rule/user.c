/*
 * user - how accounts are compared
 *
 * Servers log a name as it was typed; an account whose name is spelt in five ways must not be
 * counted as five.
 */
#include "core/rule/user.h"

#include "core/base/hash.h"

_Static_assert(sizeof(((struct user_name *)NULL)->text) % sizeof(uint64_t) == 0, "see lower()");

/*
 * ASCII letters to lower case, eight bytes at a time: it is done for every event. There is room
 * for the last eight.
 */
static void lower(char *text, size_t len)
{
	const uint64_t ones = 0x0101010101010101, high = 0x8080808080808080;
	uint64_t x, seven, upper;

	for (size_t i = 0; i < len; i += sizeof(x)) {
		memcpy(&x, text + i, sizeof(x));
		seven = x & ~high;
		/* Bit 7 of a byte: it is at least 'A', not above 'Z', and ASCII. */
		upper = (seven + (0x80 - 'A') * ones) & ~(seven + (0x7f - 'Z') * ones) & ~x & high;
		x |= upper >> 2;
		memcpy(text + i, &x, sizeof(x));
	}
}

bool user_canonical(struct user_name *name, struct slice user, const char *realm)
{
	while (user.len > 0 && user.ptr[0] == ' ') {
		user.ptr++;
		user.len--;
	}
	while (user.len > 0 && user.ptr[user.len - 1] == ' ')
		user.len--;
	if (user.len == 0 || user.len > USER_LONGEST)
		return false;
	memcpy(name->text, user.ptr, user.len);
	name->len = user.len;
	if (realm && *realm && !memchr(user.ptr, '@', user.len)) {
		size_t most = strnlen(realm, USER_LONGEST);

		name->text[name->len++] = '@';
		memcpy(name->text + name->len, realm, most);
		name->len += most;
	}
	lower(name->text, name->len);
	name->hash = hash_bytes(name->text, name->len);
	return true;
}
