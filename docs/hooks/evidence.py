"""What simulations measured, as tables made of their own files."""

from __future__ import annotations

import json
from pathlib import Path

from napari_vlseg.training.simulation.learning import ALL, NOTHING, Point
from napari_vlseg.training.simulation.summary import Mean, means

FOLDER = Path(__file__).parents[1] / "evidence"


def learning(name: str) -> str:
    """AP@0.5 after so many corrected objects, an order a row, as a Markdown table.

    Raises
    ------
    LookupError
        If there is no such simulation.
    """
    path = FOLDER / f"learning-{name}.json"
    if not path.is_file():
        raise LookupError(f"There is no simulation “{name}”: {path} is missing.")
    document = json.loads(path.read_text("utf-8"))
    summary = means([Point(**point) for point in document["points"]])
    by_place = {(mean.arm, mean.budget): mean for mean in summary}
    base, full = by_place[NOTHING, 0], by_place[ALL, -1]
    budgets = sorted({mean.budget for mean in summary if mean.budget > 0})
    orders = list(dict.fromkeys(one.arm for one in summary if one.arm not in (NOTHING, ALL)))
    lines = [
        "| order | nothing | " + " | ".join(f"{n} objects" for n in budgets) + " | all objects |",
        "|---" * (len(budgets) + 3) + "|",
    ]
    for arm in orders:
        cells = [_cell(by_place[arm, budget]) for budget in budgets]
        lines.append(f"| {arm} | {base.ap50:.3f} | {' | '.join(cells)} | {_cell(full)} |")
    share = max(by_place[arm, budgets[-1]].ap50 for arm in orders) / full.ap50
    lines += ["", f"The best order reaches {share:.0%} of what all objects give."]
    return "\n".join(lines)


def _cell(mean: Mean) -> str:
    return f"{mean.ap50:.3f} ± {mean.ap50_half:.3f}"
