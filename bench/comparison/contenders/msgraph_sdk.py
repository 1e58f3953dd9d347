"""msgraph-sdk for Python, in sequence, or all simultaneously with a second argument `gather`.

<https://learn.microsoft.com/graph/api/riskyuser-dismiss?tabs=python>,
<https://learn.microsoft.com/graph/sdks/customize-client?tabs=python>
"""

import asyncio
import os
import sys
import time

from azure.core.credentials import AccessToken
from kiota_abstractions.api_error import APIError
from kiota_authentication_azure.azure_identity_authentication_provider import (
    AzureIdentityAuthenticationProvider,
)
from msgraph import GraphRequestAdapter, GraphServiceClient
from msgraph.generated.identity_protection.risky_users.dismiss.dismiss_post_request_body import (
    DismissPostRequestBody,
)
from result import Result, chunks, ids


class Credential:
    """A credential that caches its token for an hour, as those of azure-identity do, and returns a
    fresh one for a claims challenge."""

    def __init__(self):
        self.number = 1

    def get_token(self, *_scopes, claims=None, **_options):
        if claims:
            self.number += 1
        return AccessToken(f"token-{self.number}", int(time.time()) + 3600)


async def dismiss(client, ids, result):
    try:
        await client.identity_protection.risky_users.dismiss.post(
            DismissPostRequestBody(user_ids=ids)
        )
        result.add(204, ids)
    except APIError as error:
        result.add(error.response_status_code, ids)
    except Exception as error:  # The transport's: httpx.HTTPError and others.
        print(repr(error), file=sys.stderr)
        result.add("no response", ids)


async def main():
    adapter = GraphRequestAdapter(AzureIdentityAuthenticationProvider(Credential()))
    adapter.base_url = os.environ["GRAPH_ENDPOINT"] + "/v1.0"
    client, result = GraphServiceClient(request_adapter=adapter), Result()
    if sys.argv[2:] == ["gather"]:
        await asyncio.gather(*(dismiss(client, chunk, result) for chunk in chunks(ids())))
    else:
        for chunk in chunks(ids()):
            await dismiss(client, chunk, result)
    result.print()


asyncio.run(main())
