/*
 * monitor - the process that starts the others and keeps them going
 *
 *	            descriptors            lines' events            orders
 *	monitor  ---------------->  engine  ---------->  actuators (one for each action)
 *	   ^ configuration, signals    ^ control socket, metrics
 *
 * It keeps its rights, so it reads nothing but configuration and short messages of our own. What
 * all of them need is loaded here, before they are forked. To load it anew is to let all of
 * them end, the engine after it has saved, and to fork them again: there is one way to begin, be it
 * after an installation, a reload or a crash.
 *
 *	STARTING --ready--> RUNNING --SIGHUP, and it loads--> ENDING --all gone--> STARTING
 *	                    RUNNING --the engine died-------> ENDING --and a wait--> STARTING
 *	                    any     --SIGTERM---------------> ENDING --all gone--> (end)
 */
#include "core/cli/monitor.h"

#include "core/action/actuator.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/base/sandbox.h"
#include "core/cli/children.h"
#include "core/cli/folders.h"
#include "core/cli/guards.h"
#include "core/cli/logs.h"
#include "core/cli/sockets.h"
#include "core/cli/wire.h"
#include "core/cli/worker.h"
#include "core/filter/live.h"
#include "core/source/follow_journal.h"
#include "core/source/watch.h"

#include <assert.h>
#include <errno.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>
#if HAVE_SYSTEMD
#include <systemd/sd-daemon.h>
#endif

enum { END_MS = 30 * 1000, DESCRIPTORS = 4 };

enum phase { STARTING, RUNNING, ENDING };

struct instance {
	struct child child;
	char name[16];
	const struct jail_action *action;
};

/* A socket that listens: `fd` is -1 where none does. */
struct listener {
	int fd;
	char *at;
	gid_t group;
};

struct monitor {
	const struct monitor_options *options;
	struct setup setup;
	struct prefixset guard;
	struct sandbox_user user;
	gid_t group;
	struct folders folders;
	struct logs logs;
	bool journal, input; /* are sources: the machine's journal, standard input */
	struct watch *watch;
	bool watched;
	size_t told; /* logs whose names the engine knows */
	struct child engine, reader;
	struct channel *channel; /* to the engine; NULL while there is none */
	struct instance *instance;
	size_t n_instances;
	struct listener control, metrics;
	int signals, log_fd[2];
	enum phase phase;
	bool last;               /* after ENDING nothing is started again */
	bool reload_asked;       /* while the children were starting */
	struct setup *next;      /* loaded, to be used when the children have ended; or NULL */
	struct instant deadline; /* of ENDING: who is left then is killed */
	struct instant watchdog; /* when to ping next; INSTANT_NONE: nobody asks */
	int64_t watchdog_ms;
};

/* What systemd is told; elsewhere nobody listens. */
static void notify(const char *state)
{
#if HAVE_SYSTEMD
	(void)sd_notify(0, state);
#else
	(void)state;
#endif
}

/* -- what has to be there before anything is started ------------------------------------------ */

static int find_users(struct monitor *m, struct err *err)
{
	const struct daemon_settings *d = &m->setup.daemon;
	const struct group *group;

	m->user = (struct sandbox_user){ geteuid(), getegid() };
	m->group = (gid_t)-1;
	if (geteuid() != 0)
		return 0;
	if (sandbox_find_user(&m->user, d->user, err) < 0)
		return -1;
	group = getgrnam(d->group);
	if (!group)
		return err_set(err, ENOENT, "group: there is no group \"%s\" on this system",
			       d->group);
	m->group = group->gr_gid;
	return 0;
}

static void listener_close(struct listener *l)
{
	if (l->fd >= 0)
		(void)close(l->fd);
	free(l->at);
	*l = (struct listener){ .fd = -1 };
}

/* Where it listens already it goes on: who asks during a reload waits for the next engine. */
static int listen_at(struct listener *l, const char *at, gid_t group,
		     int (*open_socket)(const char *, gid_t, struct err *), struct err *err)
{
	if (l->fd >= 0 && l->group == group && strcmp(l->at, at) == 0 &&
	    (*at != '/' || access(at, F_OK) == 0))
		return 0;
	listener_close(l);
	if (!*at)
		return 0;
	l->fd = open_socket(at, group, err);
	l->at = xstrdup(at);
	l->group = group;
	return l->fd < 0 ? -1 : 0;
}

static int listen_all(struct monitor *m, struct err *err)
{
	const struct daemon_settings *d = &m->setup.daemon;
	char *path = xasprintf("%s/control", d->run_dir);
	int ret = listen_at(&m->control, path, m->group, socket_listen_unix, err);

	free(path);
	return ret < 0 ? -1
		       : listen_at(&m->metrics, d->metrics, m->group, socket_listen_metrics, err);
}

static void on_log_opened(void *ctx, size_t log, const char *path, int fd, int wd);

static void on_log_problem(void *ctx, size_t log, const char *text)
{
	(void)ctx;
	(void)log;
	log_line(LOG_WARNING, "%s", text);
}

static void collect_instances(struct monitor *m)
{
	const struct jail_set *jails = m->setup.jails;

	m->n_instances = jails->n_instances;
	m->instance = xcalloc(m->n_instances, sizeof(*m->instance));
	for (size_t i = 0; i < m->n_instances; i++) {
		struct instance *instance = &m->instance[i];

		instance->action = jails->instance[i];
		(void)snprintf(instance->name, sizeof(instance->name), "postern-%s",
			       instance->action->name);
		instance->child.name = instance->name;
		instance->child.again = INSTANT_NONE;
	}
}

static void forget_setup(struct monitor *m)
{
	watch_free(m->watch);
	m->watch = NULL;
	logs_free(&m->logs);
	free(m->instance);
	m->instance = NULL;
	prefixset_fini(&m->guard);
	setup_fini(&m->setup);
}

static void on_warning(void *ctx, const char *text)
{
	(void)ctx;
	log_line(LOG_WARNING, "%s", text);
}

/* With `setup`, just loaded: makes all that the children will be given. */
static int use_setup(struct monitor *m, const struct setup *setup, struct err *err)
{
	struct watch_options wo = { .on_opened = on_log_opened,
				    .on_problem = on_log_problem,
				    .ctx = m };

	m->setup = *setup;
	guards_find(&m->guard, &m->setup, on_warning, m);
	jail_set_warn(m->setup.jails, m->setup.geoip, on_warning, m);
	if (find_users(m, err) < 0 ||
	    folders_make(&m->folders, &m->setup.daemon, &m->user, err) < 0 ||
	    listen_all(m, err) < 0)
		return -1;
	logs_patterns(&m->logs, m->options->logs, m->options->n_logs, &m->setup, &m->journal,
		      &m->input);
	m->watch = watch_new((const char *const *)m->logs.path, m->logs.n, &wo);
	m->watched = false;
	collect_instances(m);
	return 0;
}

static int open_log(const struct monitor *m, const struct setup *setup, struct err *err)
{
	const char *target = setup->daemon.logtarget;

	if (!*target)
		target = isatty(STDERR_FILENO) || getenv("JOURNAL_STREAM") ? "stderr" : "syslog";
	return log_open(target, m->options->log_priority_most, err);
}

/* -- the children ------------------------------------------------------------------------------ */

/* Sends to the engine; one that is gone will be noticed by its end. */
static void tell(struct monitor *m, enum wire type, const struct pack *body, int fd)
{
	struct pack none = { 0 };
	struct err unused;

	if (m->channel)
		(void)channel_send(m->channel, type, pack_contents(body ? body : &none), fd,
				   &unused);
}

static void tell_number(struct monitor *m, enum wire type, size_t number, int fd)
{
	struct pack p = { 0 };

	pack_u32(&p, (uint32_t)number);
	tell(m, type, &p, fd);
	pack_fini(&p);
}

/*
 * Forks `child` with one end of a new channel: 0 in the child, which has CHILD_CHANNEL; 1 in the
 * monitor, with the other end in *fd; -1: it is due again later.
 */
static int start_child(struct monitor *m, struct child *child, int *fd)
{
	struct child_birth birth = { child, -1, m->log_fd[1], m->options->log_priority_most };
	struct err err;
	int ends[2], rc;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) {
		log_line(LOG_ERR, "starting %s: %s", child->name, strerror(errno));
		child_ended(child, 0, instant_now(), true);
		return -1;
	}
	birth.channel_fd = ends[1];
	rc = child_fork(&birth, instant_now(), &err);
	if (rc == 0)
		return 0;
	(void)close(ends[1]);
	if (rc < 0) {
		log_line(LOG_ERR, "%s", err.text);
		(void)close(ends[0]);
		return -1;
	}
	*fd = ends[0];
	return 1;
}

/* Its folder bears its name; with other settings in another jail it is another one: "mail.2". */
static char *instance_dir(const struct monitor *m, const struct jail_action *a)
{
	unsigned int nth = 1;

	for (size_t i = 0; i < a->id; i++)
		nth += strcmp(m->instance[i].action->name, a->name) == 0;
	if (nth == 1)
		return xasprintf("%s/%s", m->folders.actions, a->name);
	return xasprintf("%s/%s.%u", m->folders.actions, a->name, nth);
}

/* The body of an actuator: it never returns. */
static _Noreturn void be_actuator(struct monitor *m, const struct jail_action *a)
{
	struct channel *engine = channel_new(CHILD_CHANNEL);
	struct actuator_options o = {
		.name = a->name,
		.setting = a->setting,
		.n_settings = a->n_settings,
		.state_dir = instance_dir(m, a),
		.guard = &m->guard,
	};
	struct err err;

	o.action = catalogue_plugin(m->setup.catalogue, a->plugin, &err);
	if (!o.action) {
		log_line(LOG_ERR, "action %s: %s", a->name, err.text);
		_exit(1);
	}
	_exit(actuator_run(&o, engine));
}

static void start_instance(struct monitor *m, size_t i)
{
	struct instance *instance = &m->instance[i];
	int fd, rc = start_child(m, &instance->child, &fd);

	if (rc == 0)
		be_actuator(m, instance->action);
	if (rc < 0)
		return;
	tell_number(m, WIRE_ACTUATOR, i, fd);
	(void)close(fd);
}

static _Noreturn void be_engine(const struct monitor *m)
{
	struct worker_options o = {
		.setup = &m->setup,
		.dir = m->folders.engine,
		.guard = &m->guard,
		.user = &m->user,
		.group = m->group,
		.journal = m->journal,
		.from_start = m->options->from_start,
	};

	_exit(worker_run(&o, channel_new(CHILD_CHANNEL)));
}

static void on_sibling(void *ctx, size_t log, int fd)
{
	tell_number(ctx, WIRE_SIBLING, log, fd);
}

static void tell_siblings(struct monitor *m, size_t log)
{
	(void)watch_siblings(m->watch, log, on_sibling, m);
	tell_number(m, WIRE_SIBLINGS_END, log, -1);
}

/* Logs that a glob has found since, too. */
static void tell_names(struct monitor *m)
{
	for (; m->told < watch_count(m->watch); m->told++) {
		struct pack p = { 0 };

		pack_u32(&p, (uint32_t)m->told);
		pack_text(&p, watch_path(m->watch, m->told));
		tell(m, WIRE_NAME, &p, -1);
		pack_fini(&p);
	}
}

static void on_log_opened(void *ctx, size_t log, const char *path, int fd, int wd)
{
	struct monitor *m = ctx;
	size_t known = m->told;
	struct pack p = { 0 };

	if (!m->channel)
		return;
	tell_names(m);
	log_line(LOG_DEBUG, "%s is open", path);
	pack_u32(&p, (uint32_t)log);
	pack_u32(&p, (uint32_t)wd);
	tell(m, WIRE_LOG, &p, fd);
	pack_fini(&p);
	/* At the start all are told first, and then begun. */
	if (m->watched)
		for (; known < m->told; known++)
			tell_siblings(m, known);
}

/* Standard input is a log that nothing ever takes the place of. */
static void tell_input(struct monitor *m)
{
	struct pack p = { 0 };

	pack_u32(&p, LIVE_STDIN);
	pack_text(&p, "-");
	tell(m, WIRE_NAME, &p, -1);
	p.len = 0;
	pack_u32(&p, LIVE_STDIN);
	pack_u32(&p, UINT32_MAX); /* no watch */
	tell(m, WIRE_LOG, &p, STDIN_FILENO);
	pack_fini(&p);
	tell_number(m, WIRE_SIBLINGS_END, LIVE_STDIN, -1);
}

static void tell_logs(struct monitor *m)
{
	m->told = 0;
	tell_names(m);
	if (m->watched)
		watch_tell(m->watch);
	else
		watch_ready(m->watch, instant_now());
	tell_names(m);
	m->watched = true;
	for (size_t i = 0; i < m->told; i++)
		tell_siblings(m, i);
	if (m->input)
		tell_input(m);
	tell(m, WIRE_GO, NULL, -1);
}

static void start_all(struct monitor *m)
{
	int fd, rc;

	m->phase = STARTING;
	rc = start_child(m, &m->engine, &fd);
	if (rc == 0)
		be_engine(m);
	if (rc < 0)
		return;
	m->channel = channel_new(fd);
	if (watch_modify_fd(m->watch) >= 0)
		tell(m, WIRE_MODIFY, NULL, watch_modify_fd(m->watch));
	tell(m, WIRE_CONTROL, NULL, m->control.fd);
	if (m->metrics.fd >= 0)
		tell(m, WIRE_METRICS, NULL, m->metrics.fd);
	for (size_t i = 0; i < m->n_instances; i++)
		start_instance(m, i);
	tell_logs(m);
}

/* The engine saves and ends; when it is gone the others find their channels closed. */
static void end_all(struct monitor *m)
{
	m->phase = ENDING;
	m->deadline.ms = instant_now().ms + END_MS;
	tell(m, WIRE_STOP, NULL, -1);
}

static void kill_all(const struct monitor *m)
{
	if (m->engine.pid)
		(void)kill(m->engine.pid, SIGKILL);
	if (m->reader.pid)
		(void)kill(m->reader.pid, SIGKILL);
	for (size_t i = 0; i < m->n_instances; i++)
		if (m->instance[i].child.pid)
			(void)kill(m->instance[i].child.pid, SIGKILL);
}

static bool all_gone(const struct monitor *m)
{
	bool gone = !m->engine.pid && !m->reader.pid;

	for (size_t i = 0; i < m->n_instances; i++)
		gone &= !m->instance[i].child.pid;
	return gone;
}

static void on_engine_end(struct monitor *m, int status)
{
	bool wanted = m->phase != ENDING;
	char fate[80];

	channel_free(m->channel);
	m->channel = NULL;
	if (!wanted && status != 0)
		log_line(LOG_ERR, "%s %s", m->engine.name, child_fate(status, fate, sizeof(fate)));
	child_ended(&m->engine, status, instant_now(), wanted);
	if (wanted)
		end_all(m);
}

static void reap(struct monitor *m)
{
	bool running = m->phase != ENDING;
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid == m->engine.pid)
			on_engine_end(m, status);
		else if (pid == m->reader.pid)
			child_ended(&m->reader, status, instant_now(),
				    false); /* the engine asks anew */
		for (size_t i = 0; i < m->n_instances; i++)
			if (pid == m->instance[i].child.pid)
				child_ended(&m->instance[i].child, status, instant_now(),
					    running && m->engine.pid);
	}
}

/* -- what the engine asks for ------------------------------------------------------------------ */

static gid_t journal_group(void)
{
	const struct group *group = getgrnam("systemd-journal");

	return group ? group->gr_gid : (gid_t)-1;
}

static _Noreturn void be_reader(const struct monitor *m, struct slice cursor, bool from_start)
{
	struct follow_options o = { .from_start = from_start };
	struct channel *engine = channel_new(CHILD_CHANNEL);
	struct err err;

	if (sandbox_become(&m->user, journal_group(), &err) == 0 &&
	    follow_journal(engine, cursor, &o, &err) == 0)
		_exit(0);
	log_line(LOG_ERR, "journal: %s", err.text);
	_exit(1);
}

static void start_reader(struct monitor *m, struct slice body)
{
	struct packed p = packed_of(body);
	struct slice cursor = packed_slice(&p);
	bool from_start = packed_u8(&p);
	int fd, rc;

	if (!packed_end(&p) || !m->journal || m->reader.pid)
		return;
	rc = start_child(m, &m->reader, &fd);
	if (rc == 0)
		be_reader(m, cursor, from_start);
	if (rc < 0)
		return;
	tell(m, WIRE_JOURNAL, NULL, fd);
	(void)close(fd);
}

static void reload(struct monitor *m);

static void on_ready(struct monitor *m)
{
	if (m->phase != STARTING)
		return;
	m->phase = RUNNING;
	log_line(LOG_NOTICE, "posternd " VERSION " is ready: logs %zu%s, jails %zu, actions %zu",
		 m->told, m->journal ? " and the journal" : "", m->setup.jails->n_jails,
		 m->n_instances);
	notify("READY=1");
	if (m->reload_asked)
		reload(m);
}

static void on_message(struct monitor *m, const struct message *msg)
{
	struct packed p = packed_of(msg->body);
	uint32_t number;

	switch ((enum wire)msg->type) {
	case WIRE_READY:
		on_ready(m);
		break;
	case WIRE_PONG:
		notify("WATCHDOG=1");
		break;
	case WIRE_SIBLINGS_WANTED:
		number = packed_u32(&p);
		if (packed_end(&p) && number < watch_count(m->watch))
			tell_siblings(m, number);
		break;
	case WIRE_JOURNAL_WANTED:
		start_reader(m, msg->body);
		break;
	case WIRE_RELOAD:
		reload(m);
		break;
	case WIRE_STUCK:
		number = packed_u32(&p);
		if (packed_end(&p) && number < m->n_instances && m->instance[number].child.pid)
			(void)kill(m->instance[number].child.pid, SIGKILL);
		break;
	case WIRE_MODIFY:
	case WIRE_NAME:
	case WIRE_LOG:
	case WIRE_SIBLING:
	case WIRE_SIBLINGS_END:
	case WIRE_CONTROL:
	case WIRE_METRICS:
	case WIRE_ACTUATOR:
	case WIRE_JOURNAL:
	case WIRE_GO:
	case WIRE_PING:
	case WIRE_RELOADED:
	case WIRE_STOP:
	default:
		log_line(LOG_ERR, "the engine sent message %u, which it never would", msg->type);
		(void)kill(m->engine.pid, SIGKILL);
		break;
	}
	if (msg->fd >= 0)
		(void)close(msg->fd);
}

static void read_engine(struct monitor *m)
{
	struct message msg;
	struct err err;
	int rc;

	while (m->channel && (rc = channel_receive(m->channel, &msg, &err)) != 0) {
		if (rc < 0) {
			/* Its end is told by SIGCHLD; if it lives on and talks rubbish, it ends now. */
			channel_free(m->channel);
			m->channel = NULL;
			if (m->engine.pid)
				(void)kill(m->engine.pid, SIGKILL);
			return;
		}
		on_message(m, &msg);
	}
}

/* -- signals, reload, time --------------------------------------------------------------------- */

/*
 * Loads the configuration beside the old one. What does not load leaves the old one running;
 * what does is used when all children have ended.
 */
static void reload(struct monitor *m)
{
	struct setup *fresh = xcalloc(1, sizeof(*fresh));
	struct pack p = { 0 };
	struct err err;

	m->reload_asked = m->phase == STARTING;
	if (m->phase != RUNNING) {
		free(fresh);
		return;
	}
	if (setup_load(fresh, &m->options->setup, SETUP_ACTIONS, &err) < 0) {
		log_line(LOG_ERR, "reload: %s; the old configuration stays in force", err.text);
		pack_text(&p, err.text);
		free(fresh);
	} else {
		log_line(LOG_NOTICE, "reload: the new configuration is good");
		pack_text(&p, NULL);
		m->next = fresh;
	}
	tell(m, WIRE_RELOADED, &p, -1);
	pack_fini(&p);
	if (!m->next)
		return;
	notify("RELOADING=1");
	end_all(m);
}

static void reopen_log(const struct monitor *m)
{
	struct err err;

	if (open_log(m, &m->setup, &err) < 0)
		log_line(LOG_ERR, "%s", err.text);
}

static void on_signals(struct monitor *m)
{
	struct signalfd_siginfo info;

	while (read(m->signals, &info, sizeof(info)) == sizeof(info)) {
		switch (info.ssi_signo) {
		case SIGCHLD:
			reap(m);
			break;
		case SIGHUP:
			reload(m);
			break;
		case SIGUSR1:
			reopen_log(m);
			break;
		default:
			m->last = true;
			notify("STOPPING=1");
			end_all(m);
			break;
		}
	}
}

/* Children that ended by themselves and whose wait is over. */
static void start_due(struct monitor *m)
{
	for (size_t i = 0; i < m->n_instances; i++) {
		struct child *c = &m->instance[i].child;

		if (!c->pid && instant_is_due(c->again, instant_now()))
			start_instance(m, i);
	}
}

static int begin(struct monitor *m, const struct setup *setup, struct err *err)
{
	if (open_log(m, setup, err) < 0 || use_setup(m, setup, err) < 0)
		return -1;
	start_all(m);
	return 0;
}

/* All children are gone: the end, or all anew. False where that was the end. */
static bool begin_again(struct monitor *m)
{
	struct setup next;
	struct err err;

	if (m->last)
		return false;
	if (!m->next) { /* the engine had died */
		if (instant_is_none(m->engine.again) ||
		    instant_is_due(m->engine.again, instant_now()))
			start_all(m);
		return true;
	}
	next = *m->next;
	free(m->next);
	m->next = NULL;
	forget_setup(m);
	if (begin(m, &next, &err) == 0)
		return true;
	log_line(LOG_CRIT, "%s", err.text);
	return false;
}

static void keep_time(struct monitor *m)
{
	struct instant now = instant_now();

	if (m->phase != ENDING) {
		start_due(m);
	} else if (instant_is_due(m->deadline, now)) {
		m->deadline = INSTANT_NONE;
		kill_all(m);
	}
	if (instant_is_due(m->watchdog, now)) {
		tell(m, WIRE_PING, NULL, -1);
		m->watchdog.ms = now.ms + m->watchdog_ms;
	}
}

/* When a child is to be started, or ended: while they end, those that are due again wait for all. */
static struct instant next_of_children(const struct monitor *m)
{
	struct instant next = INSTANT_NONE;

	if (m->phase == ENDING)
		return all_gone(m) ? m->engine.again : m->deadline;
	for (size_t i = 0; i < m->n_instances; i++)
		next = instant_earlier(next, m->instance[i].child.again);
	return next;
}

/* How long poll(2) may sleep; an idle daemon sleeps for ever. */
static int wait_ms(const struct monitor *m)
{
	struct instant now = instant_now(), next;
	int64_t ms;

	next = instant_in_ms(now, watch_timeout_ms(m->watch, now));
	next = instant_earlier(next, m->watchdog);
	next = instant_earlier(next, next_of_children(m));
	ms = instant_left_ms(next, now);
	return ms < INT32_MAX ? (int)ms : INT32_MAX;
}

static void turn(struct monitor *m)
{
	struct pollfd fds[DESCRIPTORS] = {
		{ m->signals, POLLIN, 0 },
		{ m->log_fd[0], POLLIN, 0 },
		{ watch_fd(m->watch), POLLIN, 0 },
		{ m->channel ? channel_fd(m->channel) : -1, POLLIN, 0 },
	};
	struct err unused;

	if (m->channel && channel_waiting(m->channel) > 0)
		fds[3].events |= POLLOUT;
	if (poll(fds, DESCRIPTORS, wait_ms(m)) < 0 && errno != EINTR)
		log_line(LOG_ERR, "poll: %s", strerror(errno));
	if (fds[1].revents)
		log_forward(m->log_fd[0]);
	if (m->channel && fds[3].revents & POLLOUT)
		(void)channel_flush(m->channel, &unused);
	if (fds[3].revents & (POLLIN | POLLHUP | POLLERR))
		read_engine(m);
	if (fds[0].revents)
		on_signals(m);
	if (m->watched)
		watch_ready(m->watch, instant_now());
	keep_time(m);
}

static int open_signals(struct monitor *m, struct err *err)
{
	static const int wanted[] = { SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGCHLD };
	sigset_t set;

	(void)sigemptyset(&set);
	for (size_t i = 0; i < COUNT(wanted); i++)
		(void)sigaddset(&set, wanted[i]);
	(void)signal(SIGPIPE, SIG_IGN);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0 ||
	    (m->signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC)) < 0 ||
	    socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, m->log_fd) < 0)
		return err_set(err, errno, "starting: %s", strerror(errno));
	return 0;
}

static void open_watchdog(struct monitor *m)
{
	m->watchdog = INSTANT_NONE;
#if HAVE_SYSTEMD
	{
		uint64_t us = 0;

		if (sd_watchdog_enabled(0, &us) > 0) {
			m->watchdog_ms = (int64_t)(us / 2000);
			m->watchdog = instant_now();
		}
	}
#endif
}

int monitor_run(const struct monitor_options *options, struct err *err)
{
	struct monitor m = { .options = options,
			     .engine = { .name = "postern-engine", .again = INSTANT_NONE },
			     .reader = { .name = "postern-journal", .again = INSTANT_NONE },
			     .control = { .fd = -1 },
			     .metrics = { .fd = -1 },
			     .deadline = INSTANT_NONE };
	struct setup first;
	int ret = -1;

	(void)umask(0077);
	open_watchdog(&m);
	if (open_signals(&m, err) < 0 ||
	    setup_load(&first, &options->setup, SETUP_ACTIONS, err) < 0)
		return -1;
	if (begin(&m, &first, err) < 0)
		goto out;
	for (;;) {
		turn(&m);
		if (m.phase == ENDING && all_gone(&m) && !begin_again(&m))
			break;
	}
	ret = 0;
	log_forward(m.log_fd[0]);
	log_line(LOG_NOTICE, "posternd ends; what was banned stays banned");
out:
	forget_setup(&m);
	listener_close(&m.control);
	listener_close(&m.metrics);
	if (m.next)
		setup_fini(m.next);
	free(m.next);
	folders_fini(&m.folders);
	return ret;
}
