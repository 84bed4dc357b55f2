"""What Prefect does by itself about our flow runs: `automations.yaml`, made and kept up to date at the server."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from prefect.blocks.abstract import NotificationBlock
from prefect.blocks.core import Block
from prefect.client.orchestration import PrefectClient, get_client
from prefect.events.schemas.automations import Automation, AutomationCore

from miyabi.errors import SettingsError

FILE = Path(__file__).parent / "cli" / "automations.yaml"
_BLOCK = "block"


def read_automations(block_id: str = "", *, file: Path = FILE) -> tuple[tuple[AutomationCore, ...], tuple[str, ...]]:
    """Reads the file; returns the automations, and the names of those that want a block where there is none.

    `block_id` is that of a notification block's document. Each gets the tag that our deployments have.
    """
    found: list[AutomationCore] = []
    left_out: list[str] = []
    for each in yaml.safe_load(file.read_text(encoding="utf-8"))["automations"]:
        if any(action.get("block_document_id") == _BLOCK for action in each["actions"]) and not block_id:
            left_out.append(each["name"])
            continue
        actions = [_with_block(action, block_id) for action in each["actions"]]
        found.append(AutomationCore.model_validate({**each, "actions": actions, "tags": ["water-spider"]}))
    return tuple(found), tuple(left_out)


async def apply_automations(automations: Sequence[AutomationCore]) -> tuple[tuple[str, str], ...]:
    """Makes each at the server, or brings the one of its name up to date; whether that is on stays as people set it.

    May be repeated. `prefect automation create --from-file` makes another of the same name each time (3.9.1).

    Returns:
        What was done, in a word, and the name of each.
    """
    async with get_client() as client:
        return tuple([(await _apply(client, each), each.name) for each in automations])


async def delete_automations(names: Sequence[str]) -> tuple[str, ...]:
    """Removes the automations of these names, and returns the names of those that were there."""
    async with get_client() as client:
        found = [each for name in names for each in await client.read_automations_by_name(name)]
        for each in found:
            await client.delete_automation(each.id)
        return tuple(dict.fromkeys(each.name for each in found))


async def notification_block_id(block: str) -> str:
    """Finds the id of the document of the notification block TYPE/NAME.

    Raises:
        SettingsError: there is none, or it sends no notifications.
    """
    try:
        loaded: Any = await Block.aload(block)
    except ValueError:
        raise SettingsError(f"block {block}: there is none. Make one in the Prefect UI (Blocks): TYPE/NAME") from None
    if not isinstance(loaded, NotificationBlock):
        raise SettingsError(f"block {block}: it sends no notifications; name one such as slack-webhook/team")
    return str(loaded._block_document_id)  # noqa: SLF001 - Prefect's only way to tell


async def _apply(client: PrefectClient, automation: AutomationCore) -> str:
    known: list[Automation] = await client.read_automations_by_name(automation.name)
    if not known:
        await client.create_automation(automation)
        return "made"
    first, *doubles = known
    await client.update_automation(first.id, automation.model_copy(update={"enabled": first.enabled}))
    for each in doubles:
        await client.delete_automation(each.id)
    return "kept"


def _with_block(action: dict[str, Any], block_id: str) -> dict[str, Any]:
    return {**action, "block_document_id": block_id} if action.get("block_document_id") == _BLOCK else action
