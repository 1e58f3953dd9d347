"""The gateway at MCP_URL as clients of the official SDK see it: what it offers, what it asks, and
which answers it refuses. The gateway has an instance for each request."""

import os
import unittest

from client import connect
from mcp.client.session import ClientRequestContext
from mcp.shared.exceptions import MCPError
from mcp_types import (
    INVALID_PARAMS,
    MISSING_REQUIRED_CLIENT_CAPABILITY,
    CallToolResult,
    ElicitRequestParams,
    ElicitResult,
    ErrorData,
    InputRequiredResult,
    InputResponses,
)

URL = os.environ["MCP_URL"]
COMPROMISE = "confirm-risky-users-compromised"
ID = "8f0e4c0b-6ec1-4c1e-a9b8-2a4ee5ef0d11"
OTHER = "8f0e4c0b-6ec1-4c1e-a9b8-2a4ee5ef0d12"
ACCEPTED = ElicitResult(action="accept", content={"confirm": True})


class Person:
    """Who answers the questions, and what was asked."""

    def __init__(self, answer: ElicitResult) -> None:
        self.answer = answer
        self.questions: list[str] = []

    async def __call__(self, context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:
        self.questions.append(params.message)
        return self.answer


async def call(
    ids: list[str], state: str | None = None, answers: InputResponses | None = None
) -> CallToolResult | InputRequiredResult | ErrorData:
    """Calls the tool, and answers no question by itself. Returns an error of the protocol, too."""
    async with connect(URL, Person(ACCEPTED)) as client:
        try:
            return await client.session.call_tool(
                COMPROMISE, {"userIds": ids}, request_state=state, input_responses=answers, allow_input_required=True
            )
        except MCPError as error:
            return error.error


async def asked() -> str:
    """The state of a question."""
    question = await call([ID])
    assert isinstance(question, InputRequiredResult) and question.request_state
    return question.request_state


class ClientOfTheSdk(unittest.IsolatedAsyncioTestCase):
    async def test_it_lists_and_calls(self) -> None:
        person = Person(ACCEPTED)
        async with connect(URL, person) as client:
            self.assertEqual(client.protocol_version, "2026-07-28")
            tools = {tool.name: tool for tool in (await client.list_tools()).tools}
            self.assertEqual(list(tools), ["dismiss-risky-users", COMPROMISE])
            annotations = tools[COMPROMISE].annotations
            assert annotations
            self.assertEqual((annotations.destructive_hint, annotations.idempotent_hint), (True, False))
            result = await client.call_tool("dismiss-risky-users", {"userIds": [ID]})
            assert isinstance(result.structured_content, dict)
            self.assertEqual((result.is_error, result.structured_content["ids"]["accepted"]), (False, 1))
            invalid = await client.call_tool("dismiss-risky-users", {"userIds": ["x"]})
            assert isinstance(invalid.structured_content, dict)
            self.assertEqual(invalid.structured_content["error"]["code"], "badRequest")
            self.assertTrue(invalid.is_error)
        self.assertEqual(person.questions, [])

    async def test_it_is_asked(self) -> None:
        for answer, is_error in [
            (ACCEPTED, False),
            (ElicitResult(action="accept", content={"confirm": False}), True),
            (ElicitResult(action="decline"), True),
            (ElicitResult(action="cancel"), True),
        ]:
            person = Person(answer)
            async with connect(URL, person) as client:
                result = await client.call_tool(COMPROMISE, {"userIds": [ID], "reason": "INC-4711"})
            self.assertEqual(result.is_error, is_error, answer)
            (question,) = person.questions
            for part in ["Warning", ID, "INC-4711"]:
                self.assertIn(part, question)

    async def test_without_an_answer_it_is_asked_again(self) -> None:
        self.assertIsInstance(await call([ID], await asked()), InputRequiredResult)

    async def test_a_state_is_for_exactly_its_call(self) -> None:
        state = await asked()
        forged = state[:-1] + ("1" if state.endswith("0") else "0")
        for ids, answered in [([ID], forged), ([OTHER], state), ([ID, OTHER], state)]:
            refused = await call(ids, answered, {"confirm": ACCEPTED})
            assert isinstance(refused, ErrorData)
            self.assertEqual(refused.code, INVALID_PARAMS)
        # Twice, because it is idempotent, and no instance has seen the first answer.
        for _ in range(2):
            result = await call([ID], state, {"confirm": ACCEPTED})
            assert isinstance(result, CallToolResult)
            self.assertFalse(result.is_error)

    async def test_a_client_that_cannot_ask_is_refused(self) -> None:
        async with connect(URL, None) as client:
            with self.assertRaises(MCPError) as caught:
                await client.call_tool(COMPROMISE, {"userIds": [ID]})
        self.assertEqual(caught.exception.error.code, MISSING_REQUIRED_CLIENT_CAPABILITY)


if __name__ == "__main__":
    unittest.main()
