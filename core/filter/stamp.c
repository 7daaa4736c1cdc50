/*
 * stamp - the head of a log line: its time, its host, its program
 *
 * Called for the lines in which the prefilter found a literal, and before any regex: a filter
 * sees the program and the message apart, so an expression need not know how a server was told
 * to log. What the times mean is stamp_clock.c's. Sources of the forms: RFC 3164 section 4.1,
 * RFC 5424 section 6, RFC 3339 section 5.6, journalctl(1) -o, busybox sysklogd/syslogd.c, Exim's
 * log.c and Dovecot's log_timestamp.
 *
 * Whoever sends mail writes parts of what follows the head. So a program is taken from one place
 * alone, "HOST TAG[pid]:" right behind the time; a line that lacks it there has none.
 *
 * BUGS: an Exim line "WORD WORD: " (say "SIGHUP received: ...") looks like host and program.
 */
#include "core/filter/stamp.h"

#include "core/base/mem.h"

#include <time.h>

enum { HOST_MOST = 255, TAG_MOST = 128, PID_DIGITS_MOST = 9, USUAL_LEAST = 24 };

/* What separates date and time, and thereby who may have written the line. */
enum style {
	STYLE_SYSLOG, /* Nov 20 23:56:35 */
	STYLE_ISO,    /* 2026-11-20T23:56:35, or seconds since 1970 */
	STYLE_BLANK,  /* 2026-11-20 23:56:35: Exim and Dovecot write this into their own logs */
};

struct cursor {
	const char *p, *end;
};

enum { IN_HOST = 1, IN_TAG = 2 };

static const uint8_t byte_class[256] = {
	['0' ... '9'] = IN_HOST | IN_TAG,
	['A' ... 'Z'] = IN_HOST | IN_TAG,
	['a' ... 'z'] = IN_HOST | IN_TAG,
	['.'] = IN_HOST | IN_TAG,
	['-'] = IN_HOST | IN_TAG,
	['_'] = IN_HOST | IN_TAG,
	[':'] = IN_HOST,
	['/'] = IN_TAG,
};

/* Three letters as one number, so that a name costs one comparison. */
#define NAME(a, b, c) ((uint32_t)(a) << 16 | (uint32_t)(b) << 8 | (uint32_t)(c))

static const uint32_t months[] = {
	NAME('J', 'a', 'n'), NAME('F', 'e', 'b'), NAME('M', 'a', 'r'), NAME('A', 'p', 'r'),
	NAME('M', 'a', 'y'), NAME('J', 'u', 'n'), NAME('J', 'u', 'l'), NAME('A', 'u', 'g'),
	NAME('S', 'e', 'p'), NAME('O', 'c', 't'), NAME('N', 'o', 'v'), NAME('D', 'e', 'c'),
};

static const uint32_t weekdays[] = {
	NAME('M', 'o', 'n'), NAME('T', 'u', 'e'), NAME('W', 'e', 'd'), NAME('T', 'h', 'u'),
	NAME('F', 'r', 'i'), NAME('S', 'a', 't'), NAME('S', 'u', 'n'),
};

static inline size_t left(const struct cursor *c)
{
	return (size_t)(c->end - c->p);
}

/* The next byte, or -1 at the end. */
static inline int peek(const struct cursor *c)
{
	return c->p < c->end ? (unsigned char)*c->p : -1;
}

static inline bool take(struct cursor *c, char byte)
{
	if (c->p == c->end || *c->p != byte)
		return false;
	c->p++;
	return true;
}

static inline bool at_word_end(const struct cursor *c)
{
	return c->p == c->end || *c->p == ' ';
}

static inline void skip_blanks(struct cursor *c)
{
	while (c->p < c->end && *c->p == ' ')
		c->p++;
}

/* 0 to 9; more for any other byte. */
static inline unsigned int digit(char byte)
{
	return (unsigned int)(unsigned char)byte - '0';
}

/* 0 to 99; 100 unless both bytes are digits. */
static inline unsigned int two_digits(const char *p)
{
	unsigned int tens = digit(p[0]), ones = digit(p[1]);

	return tens <= 9 && ones <= 9 ? tens * 10 + ones : 100;
}

/* 0 to 9999; -1 unless all four bytes are digits. */
static inline int four_digits(const char *p)
{
	unsigned int high = two_digits(p), low = two_digits(p + 2);

	return high < 100 && low < 100 ? (int)(high * 100 + low) : -1;
}

/* Digits, `most` of them at the most. False, and nothing taken, where there are none or more. */
static bool take_number(struct cursor *c, size_t most, int64_t *value)
{
	const char *p = c->p;
	int64_t n = 0;

	for (; p < c->end && digit(*p) <= 9; p++) {
		if ((size_t)(p - c->p) == most)
			return false;
		n = n * 10 + digit(*p);
	}
	if (p == c->p)
		return false;
	c->p = p;
	*value = n;
	return true;
}

static inline struct slice take_class(struct cursor *c, uint8_t class)
{
	const char *from = c->p, *p = from, *end = c->end;

	while (p < end && byte_class[(unsigned char)*p] & class)
		p++;
	c->p = p;
	return (struct slice){ from, (size_t)(p - from) };
}

/* Takes a three-letter name; its place in the table from 1 on, or 0. */
static inline uint8_t take_name(struct cursor *c, const uint32_t *names, size_t n)
{
	const unsigned char *p = (const unsigned char *)c->p;
	uint32_t name;

	if (left(c) < 3 || *p < 'A')
		return 0;
	name = NAME(p[0], p[1], p[2]);
	for (size_t i = 0; i < n; i++) {
		if (names[i] == name) {
			c->p += 3;
			return (uint8_t)(i + 1);
		}
	}
	return 0;
}

/* ".123456" or ",123": what is finer than a millisecond is dropped. None is fine. */
static bool take_fraction(struct cursor *c, struct stamp *s)
{
	unsigned int weight = 100;
	const char *from;

	if (peek(c) != '.' && peek(c) != ',')
		return true;
	from = ++c->p;
	for (; c->p < c->end && digit(*c->p) <= 9; c->p++, weight /= 10)
		s->ms = (uint16_t)(s->ms + digit(*c->p) * weight);
	return c->p > from;
}

/* HH:MM:SS, with or without a fraction. */
static bool take_time(struct cursor *c, struct stamp *s)
{
	unsigned int hour, minute, second;

	if (left(c) < 8 || c->p[2] != ':' || c->p[5] != ':')
		return false;
	hour = two_digits(c->p);
	minute = two_digits(c->p + 3);
	second = two_digits(c->p + 6);
	if (hour > 23 || minute > 59 || second > 60)
		return false;
	c->p += 8;
	s->hour = (uint8_t)hour;
	s->minute = (uint8_t)minute;
	s->second = (uint8_t)second;
	return take_fraction(c, s);
}

/* "Z", "+01", "+0100" or "+01:00". None is fine, and means local time. */
static bool take_zone(struct cursor *c, struct stamp *s)
{
	bool west = peek(c) == '-', colon;
	unsigned int hours, minutes = 0;

	if (take(c, 'Z') || take(c, 'z')) {
		s->has_zone = true;
		return true;
	}
	if (!take(c, '+') && !take(c, '-'))
		return true;
	if (left(c) < 2)
		return false;
	hours = two_digits(c->p);
	c->p += 2;
	colon = take(c, ':');
	if (colon || !at_word_end(c)) {
		if (left(c) < 2)
			return false;
		minutes = two_digits(c->p);
		c->p += 2;
	}
	if (hours > 23 || minutes > 59)
		return false;
	s->has_zone = true;
	s->offset_min = (int16_t)((int)(hours * 60 + minutes) * (west ? -1 : 1));
	return true;
}

/* Exim's " +0100" after the time; text that merely starts with a sign stays where it is. */
static void take_zone_apart(struct cursor *c, struct stamp *s)
{
	struct cursor at = *c;
	struct stamp zoned = *s;

	if (!take(&at, ' ') || (peek(&at) != '+' && peek(&at) != '-'))
		return;
	if (!take_zone(&at, &zoned) || !at_word_end(&at))
		return;
	*c = at;
	*s = zoned;
}

/*
 * " UTC" after a time that a weekday leads (journalctl -o short-full). An abbreviation tells no
 * offset (IST is three zones): any other than UTC and GMT is taken to be that of the environment.
 */
static void take_zone_name(struct cursor *c, struct stamp *s)
{
	struct cursor at = *c;
	struct slice name;

	if (s->has_zone || !take(&at, ' '))
		return;
	name.ptr = at.p;
	while (at.p < at.end && *at.p >= 'A' && *at.p <= 'Z')
		at.p++;
	name.len = (size_t)(at.p - name.ptr);
	if (name.len < 2 || name.len > 6 || !at_word_end(&at))
		return;
	s->has_zone = slice_is(name, "UTC") || slice_is(name, "GMT");
	*c = at;
}

/* 2026-11-20T23:56:35.123+01:00 */
static bool take_iso(struct cursor *c, struct stamp *s, enum style *style)
{
	int year;

	if (left(c) < 19 || c->p[4] != '-' || c->p[7] != '-' ||
	    (c->p[10] != 'T' && c->p[10] != ' '))
		return false;
	year = four_digits(c->p);
	s->month = (uint8_t)two_digits(c->p + 5);
	s->day = (uint8_t)two_digits(c->p + 8);
	if (year < 1970 || s->month < 1 || s->month > 12 || s->day < 1 || s->day > 31)
		return false;
	s->year = (int16_t)year;
	*style = c->p[10] == 'T' ? STYLE_ISO : STYLE_BLANK;
	c->p += 11;
	if (!take_time(c, s) || !take_zone(c, s))
		return false;
	if (*style == STYLE_BLANK && !s->has_zone)
		take_zone_apart(c, s);
	return true;
}

/* What follows the month: 20 23:56:35, or with a year between. */
static bool take_classic(struct cursor *c, struct stamp *s)
{
	unsigned int day;

	if (!take(c, ' '))
		return false;
	skip_blanks(c);
	if (left(c) < 2)
		return false;
	day = digit(*c->p++);
	if (day <= 9 && digit(*c->p) <= 9)
		day = day * 10 + digit(*c->p++);
	if (day < 1 || day > 31 || !take(c, ' '))
		return false;
	s->day = (uint8_t)day;
	if (left(c) > 4 && c->p[4] == ' ' && four_digits(c->p) >= 1970) {
		s->year = (int16_t)four_digits(c->p);
		c->p += 5;
	}
	return take_time(c, s);
}

/* 1795219200.123456 (journalctl -o short-unix) */
static bool take_unix(struct cursor *c, struct stamp *s)
{
	int64_t seconds;
	time_t at;
	struct tm tm;

	if (!take_number(c, 11, &seconds) || !take_fraction(c, s))
		return false;
	at = (time_t)seconds;
	if (seconds < 100000000 || !gmtime_r(&at, &tm))
		return false;
	s->year = (int16_t)(tm.tm_year + 1900);
	s->month = (uint8_t)(tm.tm_mon + 1);
	s->day = (uint8_t)tm.tm_mday;
	s->hour = (uint8_t)tm.tm_hour;
	s->minute = (uint8_t)tm.tm_min;
	s->second = (uint8_t)tm.tm_sec;
	s->has_zone = true;
	return true;
}

static bool take_stamp(struct cursor *c, struct stamp *s, enum style *style)
{
	bool weekday = false;

	s->month = take_name(c, months, COUNT(months));
	if (!s->month && take_name(c, weekdays, COUNT(weekdays))) {
		if (!take(c, ' '))
			return false;
		weekday = true;
		s->month = take_name(c, months, COUNT(months));
	}
	if (s->month) {
		*style = STYLE_SYSLOG;
		return take_classic(c, s) && at_word_end(c);
	}
	if (left(c) < 5 || c->p[4] != '-') {
		*style = STYLE_ISO;
		return take_unix(c, s) && at_word_end(c);
	}
	if (!take_iso(c, s, style))
		return false;
	if (weekday)
		take_zone_name(c, s);
	return at_word_end(c);
}

/* <22>, at most three digits; without it nothing is taken. */
static void skip_pri(struct cursor *c)
{
	struct cursor at = *c;
	int64_t pri;

	if (take(&at, '<') && take_number(&at, 3, &pri) && take(&at, '>'))
		*c = at;
}

/* "[1234]" */
static bool take_pid(struct cursor *c, uint32_t *pid)
{
	int64_t n;

	if (!take(c, '[') || !take_number(c, PID_DIGITS_MOST, &n) || !take(c, ']'))
		return false;
	*pid = (uint32_t)n;
	return true;
}

/* "mail.info ", which busybox puts between host and tag. */
static void skip_priority(struct cursor *c)
{
	static const char *const priorities[] = { "info",  "warn",  "err",   "notice",
						  "debug", "crit",  "alert", "warning",
						  "error", "emerg", "panic" };
	struct slice word;
	const char *dot;
	struct cursor at = *c;

	word = take_class(&at, IN_TAG);
	if (!take(&at, ' '))
		return;
	dot = memchr(word.ptr, '.', word.len);
	if (!dot || dot == word.ptr)
		return;
	word = (struct slice){ dot + 1, word.len - (size_t)(dot + 1 - word.ptr) };
	for (size_t i = 0; i < COUNT(priorities); i++) {
		if (slice_is(word, priorities[i])) {
			*c = at;
			return;
		}
	}
}

/*
 * Exim's 1tDkXY-0000ab-1P, or 1tDkXY-00000000abc-1abc from 4.97 on. Its first character is a digit
 * until long after this century.
 */
static bool is_exim_id(struct slice word)
{
	const char *p = word.ptr;

	if (word.len == 16)
		return digit(p[0]) <= 9 && p[6] == '-' && p[13] == '-';
	return word.len == 23 && digit(p[0]) <= 9 && p[6] == '-' && p[18] == '-';
}

/* "HOST TAG[pid]: ". Takes nothing where the line goes on in another way. */
static bool take_origin(struct cursor *c, enum style style, struct line *line)
{
	struct cursor at = *c;
	struct slice host = take_class(&at, IN_HOST), program;
	uint32_t pid = 0;

	if (host.len == 0 || host.len > HOST_MOST || host.ptr[host.len - 1] == ':' ||
	    !take(&at, ' '))
		return false;
	if (style == STYLE_BLANK && is_exim_id(host))
		return false;
	skip_blanks(&at);
	program = take_class(&at, IN_TAG);
	if (style == STYLE_SYSLOG && peek(&at) == ' ') {
		at.p = program.ptr;
		skip_priority(&at);
		program = take_class(&at, IN_TAG);
	}
	if (program.len == 0 || program.len > TAG_MOST)
		return false;
	if (peek(&at) == '[' && !take_pid(&at, &pid))
		return false;
	if (!take(&at, ':'))
		return false;
	/* Where the line may be a server's own, less is taken for a tag. */
	if (!take(&at, ' ') && at.p < at.end && style == STYLE_BLANK)
		return false;
	*c = at;
	line->host = host;
	line->program = program;
	line->pid = pid;
	return true;
}

/* Exim's own "[pid] " before the text. */
static void cut_pid(struct cursor *c, struct line *line)
{
	struct cursor at = *c;
	uint32_t pid;

	if (!take_pid(&at, &pid) || !at_word_end(&at))
		return;
	(void)take(&at, ' ');
	*c = at;
	line->pid = pid;
}

/* Through syslog, Exim still writes its own time before the text, and its pid if so configured. */
static void cut_exim_head(struct cursor *c, struct line *line)
{
	struct cursor at = *c;
	struct stamp again = { 0 };
	enum style style;

	if (take_iso(&at, &again, &style) && at_word_end(&at)) {
		(void)take(&at, ' ');
		*c = at;
	}
	cut_pid(c, line);
}

/* A word of an RFC 5424 header and the blank behind it; "-" is absent. False where it is empty. */
static bool take_field(struct cursor *c, struct slice *field)
{
	const char *from = c->p, *blank = memchr(from, ' ', left(c));

	if (!blank || blank == from)
		return false;
	c->p = blank + 1;
	*field = (struct slice){ from, (size_t)(blank - from) };
	if (slice_is(*field, "-"))
		*field = (struct slice){ NULL, 0 };
	return true;
}

/* [id name="value"]: a value may hold anything, with '"', '\' and ']' escaped by '\'. */
static bool skip_sd_element(struct cursor *c)
{
	bool quoted = false;

	if (!take(c, '['))
		return false;
	while (c->p < c->end) {
		char byte = *c->p++;

		if (byte == '"')
			quoted = !quoted;
		else if (byte == '\\' && quoted && c->p < c->end)
			c->p++;
		else if (byte == ']' && !quoted)
			return true;
	}
	return false;
}

static void skip_bom(struct cursor *c)
{
	static const char bom[] = { '\xef', '\xbb', '\xbf' };

	if (left(c) >= sizeof(bom) && memcmp(c->p, bom, sizeof(bom)) == 0)
		c->p += sizeof(bom);
}

static bool skip_structured_data(struct cursor *c)
{
	if (take(c, '-'))
		return at_word_end(c);
	do {
		if (!skip_sd_element(c))
			return false;
	} while (peek(c) == '[');
	return at_word_end(c);
}

/* What follows "<22>1 ": TIMESTAMP HOSTNAME APP-NAME PROCID MSGID STRUCTURED-DATA [MSG]. */
static bool take_rfc5424(struct cursor *c, struct line *line)
{
	struct slice procid, msgid;
	struct cursor digits;
	enum style style;
	int64_t pid;

	if (!take_iso(c, &line->stamp, &style) || style != STYLE_ISO || !take(c, ' '))
		return false;
	if (!take_field(c, &line->host) || !take_field(c, &line->program))
		return false;
	if (!take_field(c, &procid) || !take_field(c, &msgid) || !skip_structured_data(c))
		return false;
	if (procid.ptr) {
		digits = (struct cursor){ procid.ptr, procid.ptr + procid.len };
		if (take_number(&digits, PID_DIGITS_MOST, &pid) && digits.p == digits.end)
			line->pid = (uint32_t)pid;
	}
	if (take(c, ' '))
		skip_bom(c);
	(void)take(c, ' '); /* rsyslog's: what stood behind the "TAG:" that it has read */
	return true;
}

static bool take_head(struct cursor *c, struct line *line)
{
	enum style style;

	skip_bom(c); /* a file may begin with one */
	skip_pri(c);
	if (left(c) > 2 && c->p[0] == '1' && c->p[1] == ' ') {
		c->p += 2;
		return take_rfc5424(c, line);
	}
	if (!take_stamp(c, &line->stamp, &style))
		return false;
	skip_blanks(c);
	if (!take_origin(c, style, line) && style == STYLE_BLANK)
		cut_pid(c, line);
	return true;
}

/* The byte behind the class's bytes from `p` on; `end` where all are. */
static inline const char *behind(const char *p, const char *end, uint8_t class)
{
	while (p < end && byte_class[(unsigned char)*p] & class)
		p++;
	return p;
}

/*
 * "Nov 20 23:56:35 host program[1234]: ", as nearly every line begins, read in one go: it is done
 * for a third of all lines. False, and *line as it was, where the line is not exactly so; the
 * general way gives the same for those that are.
 */
static bool parse_usual(struct line *line, const char *p, const char *end)
{
	struct cursor month = { p, end };
	const char *host = p + 16, *tag, *pid, *q;
	unsigned int tens = digit(p[4]), hour = two_digits(p + 7), minute = two_digits(p + 10);
	unsigned int second = two_digits(p + 13), day, n = 0;
	uint8_t number = take_name(&month, months, COUNT(months));

	day = (p[4] == ' ' ? 0 : tens * 10) + digit(p[5]);
	if (!number || (tens > 3 && p[4] != ' ') || digit(p[5]) > 9 || day < 1 || day > 31 ||
	    hour > 23 || minute > 59 || second > 60 || p[3] != ' ' || p[6] != ' ' || p[9] != ':' ||
	    p[12] != ':' || p[15] != ' ')
		return false;
	q = behind(host, end, IN_HOST);
	if (q == host || q - host > HOST_MOST || q[-1] == ':' || q == end || *q != ' ')
		return false;
	tag = q + 1;
	q = behind(tag, end, IN_TAG);
	if (q == tag || q - tag > TAG_MOST || q == end || *q != '[')
		return false;
	for (pid = ++q; q < end && digit(*q) <= 9 && q - pid < PID_DIGITS_MOST; q++)
		n = n * 10 + digit(*q);
	if (q == pid || end - q < 3 || q[0] != ']' || q[1] != ':' || q[2] != ' ')
		return false;
	line->stamp = (struct stamp){ .month = number,
				      .day = (uint8_t)day,
				      .hour = (uint8_t)hour,
				      .minute = (uint8_t)minute,
				      .second = (uint8_t)second };
	line->host = (struct slice){ host, (size_t)(tag - 1 - host) };
	line->program = (struct slice){ tag, (size_t)(pid - 1 - tag) };
	line->message = (struct slice){ q + 3, (size_t)(end - q - 3) };
	line->pid = n;
	return true;
}

/*
 * With $RepeatedMsgReduction rsyslog writes the first of equal lines, and for those that follow it
 * one "message repeated N times: [ MESSAGE]", with the end of a long message cut off
 * (runtime/ratelimit.c). A cut one stays folded, so that no filter takes it: where it ends, who
 * wrote part of it may have chosen.
 */
static void unfold(struct cursor *c, struct line *line)
{
	enum { FOLDED_MOST = 800 };
	static const char lead[] = "message repeated ", after[] = " times: [";
	struct cursor in = *c;
	unsigned int times = 0, digits = 0;

	if (left(&in) < sizeof(lead) || memcmp(in.p, lead, sizeof(lead) - 1) != 0)
		return;
	for (in.p += sizeof(lead) - 1; in.p < in.end && digit(*in.p) <= 9; in.p++) {
		if (digits++ < PID_DIGITS_MOST)
			times = times * 10 + digit(*in.p);
	}
	if (times == 0 || left(&in) < sizeof(after) || in.end[-1] != ']' ||
	    memcmp(in.p, after, sizeof(after) - 1) != 0)
		return;
	in.p += sizeof(after) - 1;
	in.end--;
	if (left(&in) >= FOLDED_MOST)
		return;
	(void)take(&in, ' ');
	*c = in;
	times--;
	line->repeats = (uint16_t)(times < LINE_REPEATS_MOST ? times : LINE_REPEATS_MOST);
}

bool line_parse(struct line *line, struct slice text)
{
	struct cursor c;

	*line = (struct line){ 0 };
	if (text.len == 0)
		return false;
	c = (struct cursor){ text.ptr, text.ptr + text.len };
	if (c.end[-1] == '\r')
		c.end--;
	if (left(&c) > USUAL_LEAST && parse_usual(line, c.p, c.end)) {
		c.p = line->message.ptr;
	} else if (!take_head(&c, line)) {
		return false;
	}
	if (line->program.ptr)
		unfold(&c, line);
	if (slice_starts(line->program, "exim"))
		cut_exim_head(&c, line);
	line->message = (struct slice){ c.p, left(&c) };
	return true;
}
