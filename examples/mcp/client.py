"""Calls a tool of the gateway with the official SDK of the Model Context Protocol, and asks on the
terminal what the gateway wants confirmed.

    GATEWAY_KEY=… python client.py http://127.0.0.1:8080/mcp dismiss-risky-users USER-ID...
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2
from mcp.client import Client
from mcp.client.session import ClientRequestContext, ElicitationFnT
from mcp.client.streamable_http import streamable_http_client
from mcp_types import ElicitRequestParams, ElicitResult

# The member of the arguments that contains the ids.
FIELDS = {"sign-ins": "requestIds", "users": "userIds", "service-principals": "servicePrincipalIds", "agents": "agentIds"}


@asynccontextmanager
async def connect(url: str, ask: ElicitationFnT | None) -> AsyncIterator[Client]:
    """A client with the key in the environment. Without `ask`, it cannot ask anybody."""
    async with httpx2.AsyncClient(headers={"x-api-key": os.environ["GATEWAY_KEY"]}, timeout=60) as http:
        async with Client(streamable_http_client(url, http_client=http), elicitation_callback=ask) as client:
            yield client


async def ask_on_the_terminal(context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:
    answer = await asyncio.to_thread(input, f"{params.message}\nPerform it? [y/N] ")
    if answer.strip().lower() != "y":
        return ElicitResult(action="decline")
    return ElicitResult(action="accept", content={"confirm": True})


async def main(url: str, tool: str, ids: list[str]) -> int:
    async with connect(url, ask_on_the_terminal) as client:
        tools = (await client.list_tools()).tools
        print(f"{client.protocol_version}, {len(tools)} tools")
        field = next(field for noun, field in FIELDS.items() if noun in tool)
        result = await client.call_tool(tool, {field: ids, "reason": "INC-4711"})
        print(result.structured_content)
        return 1 if result.is_error else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3:])))
