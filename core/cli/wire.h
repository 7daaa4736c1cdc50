/* wire.h - what monitor and engine say to each other over their channel (core/base/channel.h) */
#pragma once

/*
 * The body of each is packed (core/base/pack.h) as it says behind it; "+ fd" is a descriptor.
 * Both sides check all of it: the engine reads what strangers wrote and may have been taken over.
 */
enum wire {
	/* monitor to engine */
	WIRE_MODIFY = 1, /* + fd: the inotify instance that tells of appended lines */
	WIRE_LOG, /* u32 log, i32 watch, text name, text path + fd: the log's path leads there now */
	WIRE_SIBLING,      /* u32 log, text path + fd: a rotated file of that log, newest first */
	WIRE_SIBLINGS_END, /* u32 log: these were all */
	WIRE_CONTROL,      /* + fd: listen there for requests */
	WIRE_METRICS,      /* + fd: listen there for scrapes */
	WIRE_ACTUATOR,     /* u32 instance + fd: the channel to a (new) process that runs it */
	WIRE_JOURNAL,      /* + fd: the channel to the process that reads the journal */
	WIRE_GO,           /* the logs there are now were all told: begin */
	WIRE_PING,
	WIRE_STOP, /* save, and end */
	/* engine to monitor */
	WIRE_READY,           /* it has taken its state back and decides */
	WIRE_PONG,            /* the answer to WIRE_PING */
	WIRE_SIBLINGS_WANTED, /* u32 log */
	WIRE_JOURNAL_WANTED,  /* slice cursor; none: from now on */
	WIRE_RELOAD,          /* somebody with the right to has asked for it */
	WIRE_STUCK,           /* u32 instance: it has not answered for too long */
};
