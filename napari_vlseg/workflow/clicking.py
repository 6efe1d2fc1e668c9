"""One object outlined by clicks, boxes, scribbles and lassos: what was said, and what it gave.

No model is run here. A `ClickSession` says what to ask next (`ClickSession.wanted`) and takes
the answer (`ClickSession.answer`); an answer to an older question is not taken.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
from skimage.draw import polygon2mask

from napari_vlseg.errors import PromptError
from napari_vlseg.object_prompts import Box, MaskLogits, ObjectPrompt
from napari_vlseg.workflow.outlines import (
    Mask,
    Outline,
    Points,
    Step,
    Stroke,
    Tool,
    box_outline,
    middle_of,
    sample_line,
)


class ClickSession:
    """One object of one plane while it is outlined; every step can be taken back.

    Parameters
    ----------
    shape : tuple of int
        (H, W) of the plane.
    start : numpy.ndarray, shape (H, W), bool, optional
        An object to refine.
    """

    def __init__(self, shape: tuple[int, int], start: Mask | None = None) -> None:
        self.shape = shape
        self.refines = start is not None
        first = Step(0)
        if start is not None:
            first = replace(first, candidates=(Outline.of_mask(start),))
        self._steps = [first]
        self._position = 0
        self._numbers = 0

    # ---- what there is

    @property
    def step(self) -> Step:
        """Where the session stands."""
        return self._steps[self._position]

    @property
    def is_empty(self) -> bool:
        """Whether nothing was said and no object is refined."""
        return self._position == 0 and not self.refines

    @property
    def outline(self) -> Outline | None:
        """The candidate in view: of the last step, or of an earlier one until it is answered."""
        for step in reversed(self._steps[: self._position + 1]):
            if step.candidates:
                return step.outline
        return None

    @property
    def can_undo(self) -> bool:
        """Whether there is a step to take back."""
        return self._position > 0

    @property
    def can_redo(self) -> bool:
        """Whether a step that was taken back can return."""
        return self._position < len(self._steps) - 1

    def describe(self) -> str:
        """What was said, on one line: "2 clicks +, 1 click −, 1 box"."""
        counts: dict[str, int] = {}
        for stroke in self.step.strokes:
            kind = "click" if stroke.tool == "point" else stroke.tool
            name = f"{kind} {'+' if stroke.includes else '−'}"
            counts[name] = counts.get(name, 0) + 1
        said = [f"{n} {name if n == 1 else _plural(name)}" for name, n in counts.items()]
        return ", ".join([*(["an object"] if self.refines else []), *said])

    # ---- what is asked, and the answer

    @property
    def wanted(self) -> tuple[int, ObjectPrompt] | None:
        """Number and prompt of the question that is open, or None."""
        step = self.step
        if step.candidates or self._position == 0:
            return None
        return step.number, self._prompt(step)

    def answer(self, number: int, candidates: tuple[Outline, ...]) -> bool:
        """Take an answer; False where the question is no longer open."""
        if self.wanted is None or number != self.step.number or not candidates:
            return False
        self._steps[self._position] = replace(self.step, candidates=candidates, chosen=0)
        return True

    def cycle(self, by: int = 1) -> bool:
        """Look at the next candidate; False where there is no other."""
        step = self.step
        if len(step.candidates) < 2:
            return False
        chosen = (step.chosen + by) % len(step.candidates)
        self._steps[self._position] = replace(step, chosen=chosen)
        return True

    # ---- what a person does

    def click(self, row: float, col: float, include: bool = True) -> None:
        """Say of one place that the object is there, or that it is not.

        Raises
        ------
        PromptError
            If it lies outside the plane.
        """
        self._add_points("point", np.array([[row, col]], np.float32), include)

    def scribble(self, path: npt.ArrayLike, include: bool = True) -> None:
        """Say the same of a line (n, 2) drawn by hand.

        Raises
        ------
        PromptError
            If no part of it lies on the plane.
        """
        drawn = self._on_plane(np.asarray(path, np.float32).reshape(-1, 2))
        self._add_points("scribble", sample_line(drawn), include, drawn)

    def draw_box(self, first: npt.ArrayLike, second: npt.ArrayLike, include: bool = True) -> None:
        """Draw a box around the object between two corners (row, col), or around what it is not.

        Raises
        ------
        PromptError
            If it holds no pixel of the plane.
        """
        corners = np.array([first, second], float)
        low, high = np.clip([corners.min(0), corners.max(0)], -0.5, np.array(self.shape) - 0.5)
        if (high - low).min() < 1:
            raise PromptError("The box holds no pixel of the image: drag around the object.")
        outline = box_outline(low, high)
        if not include:
            self._leave_out("box", outline)
            return
        box = (float(low[0]), float(low[1]), float(high[0]), float(high[1]))
        others = tuple(s for s in self.step.strokes if s.tool != "box" or not s.includes)
        stroke = Stroke("box", outline, True)
        self._push(tool="box", box=box, mask=None, strokes=(*others, stroke))

    def lasso(self, corners: npt.ArrayLike, include: bool = True) -> None:
        """Draw around the object (n, 2), or around what does not belong to it.

        Raises
        ------
        PromptError
            If it holds no pixel of the plane, or leaves nothing of the object.
        """
        outline = np.asarray(corners, np.float32).reshape(-1, 2)
        closed = np.concatenate([outline, outline[:1]])
        if not include:
            self._leave_out("lasso", closed)
            return
        self._push(
            tool="lasso",
            box=None,
            mask=MaskLogits.of_mask(self._inside(closed)),
            strokes=(*self.step.strokes, Stroke("lasso", closed, True)),
        )

    def undo(self) -> bool:
        """Take the last step back; False where there is none."""
        possible = self.can_undo
        self._position -= possible
        return possible

    def retract(self) -> None:
        """Take the last step back for good."""
        if self.undo():
            del self._steps[self._position + 1 :]

    def redo(self) -> bool:
        """Do again what was taken back last; False where there is nothing."""
        possible = self.can_redo
        self._position += possible
        return possible

    # ---- inside

    def _prompt(self, step: Step) -> ObjectPrompt:
        """What was said, and the middle of the mask where nobody said what to include.

        A mask with a negative click alone is rarely understood.
        """
        mask, points, labels = self._mask(), step.points, step.labels
        if mask is not None and step.box is None and not labels.any():
            middle = middle_of(mask, points)
            if middle is not None:
                points = np.concatenate([middle, points])
                labels = np.concatenate([np.ones(1, np.int64), labels])
        return ObjectPrompt(points, labels, step.box, mask)

    def _mask(self) -> MaskLogits | None:
        """The mask that the present step goes on from: drawn, or the candidate looked at last."""
        for step in reversed(self._steps[: self._position + 1]):
            if step.outline is not None:
                return step.outline.logits
            if step.mask is not None:
                return step.mask
        return None

    def _add_points(
        self, tool: Tool, points: Points, include: bool, drawn: Points | None = None
    ) -> None:
        points = self._on_plane(points)
        step = self.step
        keeps_box = not include or step.box is None or _holds(step.box, points)
        self._push(
            tool=tool,
            box=step.box if keeps_box else None,
            points=np.concatenate([step.points, points]),
            labels=np.concatenate([step.labels, np.full(len(points), int(include), np.int64)]),
            mask=None,
            strokes=(*step.strokes, Stroke(tool, points if drawn is None else drawn, include)),
        )

    def _leave_out(self, tool: Tool, outline: Points) -> None:
        """Take a region away from the outline in view, and say so with a click in its middle."""
        region = self._inside(outline)
        rows, cols = np.nonzero(region)
        middle = int(np.hypot(rows - rows.mean(), cols - cols.mean()).argmin())
        place = np.array([[rows[middle], cols[middle]]], np.float32)
        mask = None
        if self.outline is not None:
            left = self.outline.on_plane(self.shape) & ~region
            if not left.any():
                raise PromptError("This would leave nothing of the object: press Esc to drop it.")
            mask = MaskLogits.of_mask(left)
        step = self.step
        self._push(
            tool=tool,
            points=np.concatenate([step.points, place]),
            labels=np.append(step.labels, np.int64(0)),
            box=None,
            mask=mask,
            strokes=(*step.strokes, Stroke(tool, outline, False)),
        )

    def _push(self, **changes: object) -> None:
        self._numbers += 1
        new = replace(self.step, number=self._numbers, candidates=(), chosen=0, **changes)  # type: ignore[arg-type]
        self._steps = [*self._steps[: self._position + 1], new]
        self._position += 1

    def _on_plane(self, points: Points) -> Points:
        limits = np.array(self.shape, np.float32) - 0.5
        inside = ((points >= -0.5) & (points <= limits)).all(axis=1)
        if not inside.any():
            raise PromptError("That is outside the image: click inside it.")
        return points[inside]

    def _inside(self, outline: Points) -> Mask:
        mask = polygon2mask(self.shape, outline)
        if not mask.any():
            raise PromptError("The line encloses no pixel of the image: draw around the object.")
        return np.asarray(mask, bool)


def _holds(box: Box, points: Points) -> bool:
    low, high = np.array(box[:2]), np.array(box[2:])
    return bool(((points >= low) & (points <= high)).all())


def _plural(name: str) -> str:
    kind, sign = name.split()
    return f"{kind}{'es' if kind == 'box' else 's'} {sign}"
