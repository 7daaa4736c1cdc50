"""smtps.py: mail clients at many addresses, for a server that takes passwords over TLS alone.

Each line of standard input is one session, as tests/e2e/client has them:

  PORT ADDRESS USER PASSWORD [MESSAGES RECIPIENT,RECIPIENT...]

Port 465 is TLS from the start. USER "-" is a stranger, who does not authenticate. For each message
"USER ADDRESS" is printed, for anything that the server refuses "USER ADDRESS: ANSWER".
"""
import smtplib
import ssl
import sys

TEXT = "From: <{}>\r\nSubject: hello\r\n\r\nHello.\r\n"
# The server's certificate is the test's own.
TLS = ssl._create_unverified_context()


def session(port, address, user, password, messages=0, recipients=""):
    where = {
        "host": "2001:db8::25" if ":" in address else "192.0.2.25",
        "port": int(port),
        "local_hostname": "client.example.com",
        "timeout": 10,
        "source_address": (address, 0),
    }
    if port == "465":
        server = smtplib.SMTP_SSL(context=TLS, **where)
    else:
        server = smtplib.SMTP(**where)
    with server:
        try:
            server.ehlo()
            if user != "-":
                # Not login(): where the first way to authenticate fails it tries the next.
                server.user, server.password = user, password
                server.auth("PLAIN", server.auth_plain)
            sender = "stranger@example.net" if user == "-" else user
            for _ in range(int(messages)):
                server.sendmail(sender, recipients.split(","), TEXT.format(sender))
                print(user, address)
        except smtplib.SMTPResponseException as refusal:
            print(f"{user} {address}: {refusal.smtp_code} {refusal.smtp_error.decode()}")


for line in sys.stdin:
    session(*line.split())
