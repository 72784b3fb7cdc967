"""The rules that the detectors evaluate."""

from fastapi import APIRouter
from fastapi.responses import Response

from detections.compiler import Rule
from detections.correlation.definition import Correlation
from web.api.answers import answer
from web.dependencies import ConsoleDep, ViewerToken
from web.rulebook import Switch, switches

router = APIRouter(prefix="/api/v1/rules", tags=["rules"])


@router.get("", summary="Every rule, and every file that gave none")
async def list_rules(console: ConsoleDep, token: ViewerToken) -> Response:
    """``{"items": […], "problems": […], "next": null}``."""
    rule_set = await console.rulebook.load()
    switched = await console.database.run(switches)
    listed: list[Rule | Correlation] = [*rule_set.rules, *rule_set.correlations]
    items = [
        {
            "id": rule.id,
            "title": rule.title,
            "level": rule.level,
            "author": rule.author,
            "tags": list(rule.tags),
            "path": rule.path,
            "enabled": switched.get(rule.id, Switch(rule_id=rule.id)).enabled,
        }
        for rule in listed
    ]
    problems = [
        {"path": found.path, "line": found.line, "reason": found.reason}
        for found in rule_set.problems
    ]
    return answer({"items": items, "problems": problems, "next": None})
