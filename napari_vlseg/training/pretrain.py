"""Train the bundled model: ``python -m napari_vlseg.training.pretrain --help``."""

from __future__ import annotations

import argparse
import json
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from torch.utils.data import DataLoader

from napari_vlseg.errors import VlsegError
from napari_vlseg.events import Notice, Progress, Work
from napari_vlseg.training.batches import Batch, BatchDataset, BatchShape
from napari_vlseg.training.checkpoint import load_checkpoint, save_checkpoint, start_from
from napari_vlseg.training.dsb2018 import load_images, read_index, split_by_group
from napari_vlseg.training.examples import ExampleSource
from napari_vlseg.training.novel_pairs import generate_novel_pairs
from napari_vlseg.training.publish import save_model_folder
from napari_vlseg.training.scene_bank import TRAINING_SEEDS, SceneBank, generate_scenes
from napari_vlseg.training.settings import PretrainSettings
from napari_vlseg.training.tokenizer import build_tokenizer, training_corpus
from napari_vlseg.training.trainer import PIXEL_MEAN, PIXEL_STD, Trainer

LOG_NAME = "log.jsonl"
MODEL_FOLDER = "model"
SETTINGS_NAME = "settings.json"
_EXAMPLES = """\
examples:
  python -m napari_vlseg.training.pretrain --dsb2018 ../shared/data/dsb2018 --out runs/mini
  python -m napari_vlseg.training.pretrain --dsb2018 DIR --out DIR --steps 300 --scenes 500
The same command continues a run that was interrupted.
"""


def pretrain(data: Path, out: Path, settings: PretrainSettings) -> Work[Path]:
    """Train on procedural scenes and the training split of the DSB 2018 nuclei.

    Parameters
    ----------
    data : Path
        Folder with index.csv, images and labels.
    out : Path
        Folder of the run: checkpoint, log and model; an unfinished run in it goes on.
    settings : PretrainSettings

    Yields
    ------
    Progress or Notice

    Returns
    -------
    Path
        The model folder.
    """
    out.mkdir(parents=True, exist_ok=True)
    (out / SETTINGS_NAME).write_text(json.dumps(asdict(settings), indent=1) + "\n")
    yield Notice(f"Generating {settings.n_scenes} scenes and {settings.n_pairs} pairs.")
    source = _example_source(data, settings)
    tokenizer = build_tokenizer(training_corpus())
    trainer = Trainer(settings, tokenizer)
    if settings.start:
        start_from(Path(settings.start), trainer.modules)
    done = load_checkpoint(out, settings, trainer.modules, trainer.optimisers)
    yield Notice(f"Training on {trainer.device} from step {done}.")
    folder = out / MODEL_FOLDER
    log = RunLog(out / LOG_NAME, settings.log_every)
    for step, batch in enumerate(_batches(source, settings, done), done):
        log.add(step, trainer.step(batch, step))
        finished = step + 1
        if finished % settings.save_every == 0 or finished == settings.steps:
            save_checkpoint(out, finished, settings, trainer.modules, trainer.optimisers)
            averaged = trainer.average_at_half_precision()
            save_model_folder(averaged, tokenizer, folder, PIXEL_MEAN, PIXEL_STD)
        yield Progress("training", finished, settings.steps)
    return folder


def _example_source(data: Path, settings: PretrainSettings) -> ExampleSource:
    train_ids, _ = split_by_group(read_index(data))
    scenes = generate_scenes(
        TRAINING_SEEDS.start, settings.n_scenes, settings.scene_size, settings.scene_workers
    )
    pairs = generate_novel_pairs(
        TRAINING_SEEDS.start, settings.n_pairs, settings.scene_size, settings.scene_workers
    )
    images = load_images(data, train_ids)
    return ExampleSource(images, SceneBank.of(scenes), settings.model.image_size, pairs)


def _batches(source: ExampleSource, settings: PretrainSettings, done: int) -> Iterator[Batch]:
    dataset = BatchDataset(source, settings.batch, settings.seed, settings.steps)
    loader = DataLoader(
        dataset,
        batch_size=None,
        sampler=range(done, settings.steps),
        num_workers=settings.workers,
        prefetch_factor=4 if settings.workers else None,
        worker_init_fn=_one_thread_each,
    )
    return iter(loader)


def _one_thread_each(worker: int) -> None:
    """Leave the cores to the training itself."""
    torch.set_num_threads(1)


class RunLog:
    """Means over a few steps, one JSON line each."""

    def __init__(self, path: Path, every: int) -> None:
        self._path, self._every = path, every
        self._values: dict[str, list[float]] = defaultdict(list)
        self._began = time.monotonic()

    def add(self, step: int, report: dict[str, float]) -> None:
        """Keep a step's report and write a line when it is time."""
        for name, value in report.items():
            self._values[name].append(value)
        if (step + 1) % self._every == 0:
            means = {name: round(float(np.mean(v)), 5) for name, v in self._values.items()}
            seconds = round(time.monotonic() - self._began, 1)
            with self._path.open("a") as file:
                file.write(json.dumps({"step": step + 1, "seconds": seconds} | means) + "\n")
            self._values.clear()


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    defaults, shape = PretrainSettings(), BatchShape()
    parser = argparse.ArgumentParser(
        prog="python -m napari_vlseg.training.pretrain",
        description="Train the bundled text and reference model from scratch.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--dsb2018", type=Path, required=True, help="folder with index.csv")
    parser.add_argument("--out", type=Path, required=True, help="folder of the run")
    parser.add_argument("--steps", type=int, default=defaults.steps, help="default %(default)s")
    parser.add_argument("--seed", type=int, default=defaults.seed, help="default %(default)s")
    parser.add_argument("--start", default=defaults.start, help="refine this run's checkpoint.pt")
    parser.add_argument("--rate", type=float, default=defaults.rate, help="learning-rate factor")
    parser.add_argument("--images", type=int, default=shape.images, help="images per step")
    parser.add_argument("--phrases", type=int, default=shape.phrases, help="phrases per image")
    parser.add_argument("--real-share", type=float, default=shape.real_share, help="of images")
    parser.add_argument("--scenes", type=int, default=defaults.n_scenes, help="default %(default)s")
    parser.add_argument("--pairs", type=int, default=defaults.n_pairs, help="default %(default)s")
    parser.add_argument("--device", default=defaults.device, help="cpu, cuda or auto")
    parser.add_argument("--threads", type=int, default=0, help="torch threads; 0 leaves them")
    parser.add_argument("--workers", type=int, default=defaults.workers, help="batch processes")
    parser.add_argument("--save-every", type=int, default=defaults.save_every, help="in steps")
    return parser.parse_args(arguments)


def settings_from(arguments: argparse.Namespace) -> PretrainSettings:
    """Settings of a run from its command line."""
    return PretrainSettings(
        steps=arguments.steps,
        seed=arguments.seed,
        n_scenes=arguments.scenes,
        n_pairs=arguments.pairs,
        batch=BatchShape(
            images=arguments.images, phrases=arguments.phrases, real_share=arguments.real_share
        ),
        rate=arguments.rate,
        start=arguments.start,
        device=arguments.device,
        workers=arguments.workers,
        save_every=arguments.save_every,
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; 0 when it went well."""
    parsed = parse_arguments(arguments)
    console = Console()
    if parsed.threads:
        torch.set_num_threads(parsed.threads)
    settings = settings_from(parsed)
    work = pretrain(parsed.dsb2018, parsed.out, settings)
    try:
        for event in work:
            if isinstance(event, Notice):
                console.print(event.message)
            elif event.done % settings.log_every == 0:
                console.print(f"{event.stage} {event.done} of {event.total}", highlight=False)
    except VlsegError as error:
        console.print(f"[red]{error}")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
