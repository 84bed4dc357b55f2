"""Claude's own record of what a session spent, read on the machine where the session is over."""

from __future__ import annotations

from collections.abc import Mapping

from miyabi.claude.command import CONFIG_FOLDER, export_line, inherited_environment
from miyabi.claude.spending import SpendingRecord
from miyabi.machines import Host, Machine, quote_script_word
from miyabi.sessions import SessionSpec

_MOST_BYTES = 64 * 1024 * 1024
_VARIABLES = ("HOME", CONFIG_FOLDER)
_READ = """\
[ -n "${{HOME:-}}" ] || HOME=$(perl -e 'print +(getpwuid $<)[7]')
miyabi_home=$HOME
{exports}
cd "${{CLAUDE_CONFIG_DIR:-$HOME/.claude}}/projects" 2>/dev/null || exit 3
for each in ./*/{conversation}.jsonl; do
  [ -f "$each" ] || continue
  grep -E '"type":"(assistant|cost-state)"' "$each"
  find "${{each%.jsonl}}" -type f -name '*.jsonl' -exec grep -hE '"type":"assistant"' {{}} + 2>/dev/null
done | tail -c {most}
"""


async def read_spending_record(
    host: Host, machine: Machine, spec: SessionSpec, *, conversation: str
) -> SpendingRecord | None:
    """Reads the record of a conversation on a machine; None where the machine has none.

    Raises:
        MachineError: as `Host.run`.
    """
    text = _READ.format(exports=_exports(machine, spec), conversation=quote_script_word(conversation), most=_MOST_BYTES)
    answer = await host.run(["/bin/sh", "-s"], stdin=text.encode("utf-8", "surrogateescape"))
    return SpendingRecord.read(answer.stdout) if answer.stdout else None


def _exports(machine: Machine, spec: SessionSpec) -> str:
    """Where claude's folder is for that session, as its own environment says."""
    everything: Mapping[str, str] = inherited_environment(machine) | machine.environment | dict(spec.environment)
    return "\n".join(export_line(name, everything[name]) for name in _VARIABLES if name in everything)
