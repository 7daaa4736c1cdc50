/* wire.h - what monitor and engine say to each other over their channel (core/base/channel.h) */
#pragma once

/*
 * The body of each is packed (core/base/pack.h) as it says behind it; "+ fd" is a descriptor.
 * Both sides check all of it: the engine reads what strangers wrote and may have been taken over.
 */
enum wire {
	/* monitor to engine */
	WIRE_MODIFY = 1,   /* + fd: the inotify instance that tells of appended lines */
	WIRE_NAME,         /* u32 log, text: there is such a log */
	WIRE_LOG,          /* u32 log, u32 watch + fd: its path leads there now */
	WIRE_SIBLING,      /* u32 log + fd: a rotated file of it, newest first */
	WIRE_SIBLINGS_END, /* u32 log: these were all: begin to read, or go on */
	WIRE_CONTROL,      /* + fd: listen there for requests */
	WIRE_METRICS,      /* + fd: listen there for scrapes */
	WIRE_ACTUATOR,     /* u32 instance + fd: the channel to a (new) process that runs it */
	WIRE_JOURNAL,      /* + fd: the channel to the process that reads the journal */
	WIRE_GO,           /* all that there is now was told */
	WIRE_PING,
	WIRE_RELOADED, /* slice: why the new configuration was refused; none: this is the last word to you */
	WIRE_STOP, /* save, and end */
	/* engine to monitor */
	WIRE_READY,           /* it has taken its state back and decides */
	WIRE_PONG,            /* the answer to WIRE_PING */
	WIRE_SIBLINGS_WANTED, /* u32 log */
	WIRE_JOURNAL_WANTED, /* slice: the cursor to go on behind; none: u8 says whether from the start */
	WIRE_RELOAD,         /* somebody who may has asked for it */
	WIRE_STUCK,          /* u32 instance: it has not answered for too long */
};
