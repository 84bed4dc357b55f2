"""Check runs and the jobs behind them, which the peer knows in part, and what a branch requires, which it does not."""

from __future__ import annotations

from typing import Any

from tests.support.github.request import Call, Job
from tests.support.github.responses import Reply, answer, not_found

_NOW = "2026-12-01T05:00:00Z"


def _check_runs(call: Call, sha: str) -> Reply:
    found = {number: job for number, job in call.repository.jobs.items() if job.sha == sha}
    size, page = int(call.query.get("per_page", 30)), int(call.query.get("page", 1))
    shown = [_check_run(call, number, job) for number, job in list(found.items())[(page - 1) * size : page * size]]
    return answer({"total_count": len(found), "check_runs": shown})


def _check_run(call: Call, number: int, job: Job) -> dict[str, Any]:
    url = f"https://api.github.com{call.path(f'check-runs/{number}')}"
    is_over = job.conclusion is not None
    texts = {"title": None, "summary": None if job.is_action else job.log, "text": None}
    output = {**texts, "annotations_count": 0, "annotations_url": f"{url}/annotations"}
    times = {"started_at": _NOW, "completed_at": _NOW if is_over else None}
    common = {"id": number, "node_id": f"CR_{number}", "head_sha": job.sha, "external_id": "", "url": url}
    links = {"html_url": f"https://github.com/runs/{number}", "details_url": None, "pull_requests": []}
    status = {"status": "completed" if is_over else "in_progress", "conclusion": job.conclusion, "check_suite": None}
    return {**common, **links, **status, **times, "name": job.name, "output": output, "app": _app(call, job)}


def _app(call: Call, job: Job) -> dict[str, Any]:
    slug = "github-actions" if job.is_action else "other"
    owner = call.get(f"/users/{call.repository.owner}").data
    links = {"external_url": "https://github.com", "html_url": "https://github.com", "description": None}
    times = {"created_at": _NOW, "updated_at": _NOW, "permissions": {}, "events": []}
    return {"id": 1, "slug": slug, "node_id": "A_1", "name": slug, "owner": owner, **links, **times}


def _job(call: Call, number: str) -> Reply:
    job = call.repository.jobs.get(int(number))
    if job is None or not job.is_action:
        return not_found()
    url = f"https://api.github.com{call.path(f'actions/jobs/{number}')}"
    steps = [
        {"name": name, "status": "completed", "conclusion": conclusion, "number": place}
        for place, (name, conclusion) in enumerate(job.steps.items(), 1)
    ]
    ids = {"id": int(number), "run_id": 1, "node_id": f"J_{number}", "head_sha": job.sha, "head_branch": None}
    links = {"run_url": url, "url": url, "html_url": url, "check_run_url": url, "workflow_name": "CI", "labels": []}
    runner = {"runner_id": 1, "runner_name": "r", "runner_group_id": 1, "runner_group_name": "g"}
    times = {"created_at": _NOW, "started_at": _NOW, "completed_at": _NOW}
    status = {"name": job.name, "status": "completed", "conclusion": job.conclusion, "steps": steps}
    return answer({**ids, **links, **runner, **times, **status})


def _log(call: Call, number: str) -> Reply:
    """Where the log is: at this server, beside the API."""
    host = call.sent.headers["host"]
    return Reply(status=302, headers={"location": f"http://{host}/logs/{call.repository.id}/{number}"})


def _branch(call: Call, _branch: str) -> Reply:
    reply = call.peer()
    contexts = sorted(call.repository.required)
    wanted = {"contexts": contexts, "checks": [{"context": each, "app_id": None} for each in contexts]}
    protection = {"enabled": bool(contexts), "required_status_checks": wanted}
    return reply.with_data({**reply.data, "protection": protection}) if reply.is_good else reply


def _rules(call: Call, _branch: str) -> Reply:
    wanted = [{"context": each} for each in sorted(call.repository.required_by_rule)]
    if not wanted:
        return answer([])
    parameters = {"required_status_checks": wanted, "strict_required_status_checks_policy": False}
    source = {"ruleset_source_type": "Repository", "ruleset_source": call.repository.full_name, "ruleset_id": 1}
    return answer([{"type": "required_status_checks", "parameters": parameters, **source}])


ROUTES = {
    r"GET commits/([^/]+)/check-runs": _check_runs,
    r"GET actions/jobs/(\d+)": _job,
    r"GET actions/jobs/(\d+)/logs": _log,
    r"GET branches/([^/]+)": _branch,
    r"GET rules/branches/([^/]+)": _rules,
}
