"""A run's heads become one branch that passes the verify commands; what does not fit is left out, and named."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from miyabi.dag import Dag
from miyabi.git import History, Repository, branches, clone_of
from miyabi.integration import left_out
from miyabi.integration.bisect import first_failing
from miyabi.integration.conflict import Breakage, Resolve
from miyabi.integration.large_files import too_large
from miyabi.integration.merge_chain import Chain, ChainMaker
from miyabi.integration.values import Integration, LeftOut, LeftOutKind
from miyabi.integration.verify import LOG_CHARACTERS, RunCommand, Verifier, run_plainly, tail
from miyabi.runs import CheckoutSetup
from miyabi.sessions import SessionResult, integration_branch
from miyabi.settings import IntegrationSettings
from miyabi.text import redact

_DEFAULTS = IntegrationSettings()
_BARE = CheckoutSetup()


@dataclass(frozen=True, slots=True, kw_only=True)
class _VerifiedChain:
    chain: Chain
    verified: bool | None = None
    log: str = ""

    def integration(self, branch: str, *, verify_commands: Iterable[str]) -> Integration:
        """The branch that was made of it."""
        return Integration(
            branch=branch,
            base=self.chain.base,
            head=self.chain.head,
            merged=self.chain.merged,
            left_out=tuple(self.chain.left_out.values()),
            verified=self.verified,
            verify_commands=tuple(map(redact, verify_commands)),
            verify_log=self.log,
        )


async def integrate(
    repository: Repository,
    *,
    dag: Dag,
    results: Mapping[str, SessionResult],
    run: str,
    base: str,
    base_branch: str | None = None,
    settings: IntegrationSettings = _DEFAULTS,
    run_command: RunCommand = run_plainly,
    setup: CheckoutSetup = _BARE,
    resolve: Resolve | None = None,
    max_file_bytes: int | None = None,
) -> Integration:
    """Merges the successful tasks' heads into the run's integration branch. The same again makes the same branch.

    Args:
        repository: holds base and heads; its checkout, index, HEAD and hooks stay alone.
        dag: the tasks.
        results: the last result of each task that has one.
        run: name of the run.
        base: branch, tag or commit that the branch starts from.
        base_branch: the branch that this is the head of; verify commands find it under its name.
        settings: commands that must pass on the merged tree, and how often they are tried.
        run_command: runs each of them.
        setup: what a checkout is given; its commands come before those that must pass, where there are any.
        resolve: has a merge that conflicts, or breaks it, mended by somebody; None: such a task is left out.
        max_file_bytes: a task whose commits bring a larger file is left out; None: none is.

    Raises:
        BaseMissing: there is no such base.
        GitFailed: the branch is checked out or holds commits of others, or git could not do it.
    """
    branch, start = integration_branch(run), await repository.resolve(base)
    await branches.require_ours(repository, branch, base=start)
    heads = {result.head for result in results.values() if result.succeeded and result.head}
    here = await repository.contains(heads)
    maker = ChainMaker(
        git=repository.git,
        dag=dag,
        results=results,
        run=run,
        base=start,
        history=await History.read(repository.git, base=start, heads=sorted(here)),
        resolve=resolve,
        max_file_bytes=max_file_bytes,
    )
    causes = await _causes(repository, dag, results, here=here, base=start, max_file_bytes=max_file_bytes)
    clone = await clone_of(repository, branch=base_branch, commit=start)
    settings = _set_up(settings, setup)
    verifier = Verifier(repository, settings, clone=clone, run_command=run_command, setup=setup)
    made = await _merge_and_verify(maker, verifier, causes)
    await branches.move_branch(repository, branch, head=made.chain.head, base=start)
    return made.integration(branch, verify_commands=settings.verify)


def _set_up(settings: IntegrationSettings, setup: CheckoutSetup) -> IntegrationSettings:
    return settings.model_copy(update={"verify": (*setup.commands, *settings.verify)}) if settings.verify else settings


async def _causes(
    repository: Repository,
    dag: Dag,
    results: Mapping[str, SessionResult],
    *,
    here: Collection[str],
    base: str,
    max_file_bytes: int | None,
) -> dict[str, LeftOut]:
    """The tasks that are left out before anything is merged: see `left_out.not_to_merge` and `too_large`."""
    causes = left_out.not_to_merge(dag, results, here=here)
    if max_file_bytes is None:
        return causes
    heads = {task: result for task, result in results.items() if result.head in here and task not in causes}
    large = await too_large(repository.git, heads, base=base, max_bytes=max_file_bytes)
    return causes | {t: left_out.too_large(t, files, max_bytes=max_file_bytes) for t, files in large.items()}


async def _merge_and_verify(maker: ChainMaker, verifier: Verifier, causes: Mapping[str, LeftOut]) -> _VerifiedChain:
    """Merges and verifies; whoever breaks it mends that or is left out, and the rest is merged and verified again.

    Conflicts are given to somebody only where what merges by itself is green: a resolution is one of both its sides.
    """
    if not verifier.how.verify:
        return _VerifiedChain(chain=await maker.make(causes))
    causes = dict(causes)
    chain = await maker.make(causes, resolves=False)
    if any(out.kind is LeftOutKind.CONFLICT for out in chain.left_out.values()):
        await _verified(maker, verifier, causes, resolves=False)
    return await _verified(maker, verifier, causes)


async def _verified(
    maker: ChainMaker, verifier: Verifier, causes: dict[str, LeftOut], *, resolves: bool = True
) -> _VerifiedChain:
    """The chain that passes, or does not after all rounds; whoever is left out is put among the causes."""
    mended, rounds = list[Breakage](), verifier.how.verify_rounds
    chain = await maker.make(causes, resolves=resolves)
    if not chain.merges:
        return _VerifiedChain(chain=chain)
    while True:
        if not await verifier.surely_fails(chain.head, label=_label(chain, len(chain.merges))):
            return _VerifiedChain(chain=chain, verified=True, log=verifier.log(chain.head))
        if await verifier.surely_fails(chain.base, label=_label(chain, 0)):
            return _VerifiedChain(chain=chain, verified=False, log=_log(_BASE_FAILS, verifier, chain.base))
        if rounds == 1:
            return _VerifiedChain(chain=chain, verified=False, log=_log(_GIVEN_UP, verifier, chain.head))
        breakage = await _breakage(maker, chain, verifier)
        if out := await _mend(maker, breakage, before=mended):
            causes[breakage.task] = out
            rounds -= 1
        mended.append(breakage)
        chain = await maker.make(causes, resolves=resolves)


async def _mend(maker: ChainMaker, breakage: Breakage, *, before: Iterable[Breakage]) -> LeftOut | None:
    """Has it mended by somebody, but for what failed alike before; why its task is left out, else."""
    is_known = any(map(breakage.is_same, before))
    note = "; what was to mend that changed nothing of it" if is_known else await maker.mend(breakage)
    if note is None:
        return None
    return left_out.breaking(
        breakage.task,
        command=breakage.command,
        exit_status=breakage.exit_status,
        output=breakage.output,
        note=note,
    )


async def _breakage(maker: ChainMaker, chain: Chain, verifier: Verifier) -> Breakage:
    """The merge with which the commands begin to fail; the whole chain fails and its base passes."""
    commits = chain.commits

    async def passes(merges: int) -> bool:
        return await verifier.passes(commits[merges], label=_label(chain, merges))

    async def surely_fails(merges: int) -> bool:
        return await verifier.surely_fails(commits[merges], label=_label(chain, merges))

    good = max(number for number, commit in enumerate(commits) if verifier.passed(commit))
    found = await first_failing(good=good, bad=len(chain.merges), passes=passes, surely_fails=surely_fails)
    last, step = verifier.last(commits[found]), chain.merges[found - 1]
    return Breakage(
        run=maker.run,
        task=step.task,
        title=maker.dag.by_id[step.task].title,
        ours=commits[found - 1],
        theirs=step.head,
        start=step.commit,
        command=last.command or "",
        exit_status=last.exit_status,
        output=last.output,
    )


_BASE_FAILS = "The base fails by itself, before anything is merged, so no task is blamed:"
_GIVEN_UP = "It still fails, and no further culprit was looked for:"


def _log(sentence: str, verifier: Verifier, commit: str) -> str:
    return tail(f"{sentence}\n\n{verifier.last(commit).log}", characters=LOG_CHARACTERS)


def _label(chain: Chain, merges: int) -> str:
    """What is verified, in words."""
    if not merges:
        return "the base"
    if len(chain.merges) == 1:
        return "the only merge"
    return f"all {merges} merges" if merges == len(chain.merges) else f"{merges} of {len(chain.merges)} merges"
