"""A mail server for the tests: prints its port, then each message as a line of JSON.

The local part of the recipient decides how it behaves: `later@` is refused for now, `never@` for good, and after
`silent@` the connection closes once the data has come.
"""

import asyncio
import email
import email.policy
import json
import sys

from aiosmtpd.smtp import SMTP


class Handler:
    async def handle_RCPT(self, server, session, envelope, address, options):
        name = address.split("@")[0]
        if name == "later":
            return "451 try again later"
        if name == "never":
            return "550 no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        text = message.get_body(("plain",)).get_content()
        html = message.get_body(("html",)).get_content()
        headers = {name: str(value) for name, value in message.items()}
        line = {"from": envelope.mail_from, "to": envelope.rcpt_tos, "headers": headers, "text": text, "html": html}
        print(json.dumps(line), flush=True)
        if any(address.startswith("silent@") for address in envelope.rcpt_tos):
            server.transport.abort()
            await asyncio.sleep(3600)
        return "250 OK"


async def main():
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(Handler(), hostname="sink.example"), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    # The test holds our input open; its end is ours.
    await loop.run_in_executor(None, sys.stdin.read)


asyncio.run(main())
