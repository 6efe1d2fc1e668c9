"""Which edit comes back next: linear history, told by the journal's own records."""

from __future__ import annotations

from collections.abc import Iterable

from napari_vlseg.corrections.edits import Head

Span = tuple[int, int]


class UndoStack:
    """Numbers of the edits that are done, and of those taken back.

    A new edit forgets what was taken back. An “import” is where history begins: neither it
    nor what was before it can be taken back.

    Parameters
    ----------
    done, undone : iterable of (first, last)
        Spans of consecutive numbers, as `spans` gives them.
    """

    def __init__(self, done: Iterable[Span] = (), undone: Iterable[Span] = ()) -> None:
        self.done = _numbers(done)
        self.undone = _numbers(undone)

    def note(self, head: Head) -> None:
        """Take in the next record of the journal."""
        if head.op == "undo":
            _drop(self.done, head.of)
            self.undone.append(head.of)
        elif head.op == "redo":
            _drop(self.undone, head.of)
            self.done.append(head.of)
        else:
            self.undone.clear()
            if head.op == "import":
                self.done.clear()
            else:
                self.done.append(head.number)

    def spans(self) -> tuple[list[Span], list[Span]]:
        """Both stacks, short enough to be written down."""
        return _spans(self.done), _spans(self.undone)


def _drop(stack: list[int], number: int) -> None:
    if stack and stack[-1] == number:
        stack.pop()
    elif number in stack:  # a journal of which a part was lost
        stack.remove(number)


def _numbers(spans: Iterable[Span]) -> list[int]:
    found: list[int] = []
    for first, last in spans:
        step = 1 if last >= first else -1
        found.extend(range(first, last + step, step))
    return found


def _spans(numbers: list[int]) -> list[Span]:
    """Spans that ascend or descend by one."""
    spans: list[Span] = []
    for number in numbers:
        if spans:
            first, last = spans[-1]
            step = number - last
            if step in (1, -1) and (first == last or (last > first) == (step == 1)):
                spans[-1] = (first, number)
                continue
        spans.append((number, number))
    return spans
