"""Train the click and box model: ``python -m napari_vlseg.training.sam.pretrain --help``."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import torch
from rich.console import Console
from torch.utils.data import DataLoader

from napari_vlseg.errors import VlsegError
from napari_vlseg.events import Notice, Progress, Work
from napari_vlseg.training.checkpoint import load_checkpoint, save_checkpoint
from napari_vlseg.training.dsb2018 import load_images, read_index, split_by_group
from napari_vlseg.training.pretrain import LOG_NAME, MODEL_FOLDER, SETTINGS_NAME, RunLog
from napari_vlseg.training.sam.batches import SamBatch, SamBatchDataset, ViewSource
from napari_vlseg.training.sam.publish import save_sam_folder
from napari_vlseg.training.sam.settings import (
    PIXEL_MEAN,
    PIXEL_STD,
    TILE_DEFAULTS,
    SamBatchShape,
    SamSettings,
)
from napari_vlseg.training.sam.trainer import SamTrainer
from napari_vlseg.training.sam.views import ViewShape, from_nuclei, from_scene
from napari_vlseg.training.scene_bank import TRAINING_SEEDS, generate_scenes

_EXAMPLES = """\
examples:
  python -m napari_vlseg.training.sam.pretrain --dsb2018 ../shared/data/dsb2018 --out runs/sam
  python -m napari_vlseg.training.sam.pretrain --dsb2018 DIR --out DIR --steps 300 --scenes 200
The same command continues a run that was interrupted.
"""


def pretrain(data: Path, out: Path, settings: SamSettings) -> Work[Path]:
    """Train on the training split of the DSB 2018 nuclei and on procedural scenes.

    Parameters
    ----------
    data : Path
        Folder with index.csv, images and labels.
    out : Path
        Folder of the run: checkpoint, log and model; an unfinished run in it goes on.
    settings : SamSettings

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
    yield Notice(f"Generating {settings.n_scenes} scenes.")
    source = _view_source(data, settings)
    trainer = SamTrainer(settings)
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
            save_sam_folder(averaged, folder, PIXEL_MEAN, PIXEL_STD, TILE_DEFAULTS)
        yield Progress("training", finished, settings.steps)
    return folder


def _view_source(data: Path, settings: SamSettings) -> ViewSource:
    train_ids, _ = split_by_group(read_index(data))
    scenes = generate_scenes(
        TRAINING_SEEDS.start, settings.n_scenes, settings.scene_size, settings.scene_workers
    )
    real = [from_nuclei(image) for image in load_images(data, train_ids)]
    shape = ViewShape(settings.model.image_size, settings.model.mask_size, PIXEL_MEAN)
    return ViewSource(real, [from_scene(scene) for scene in scenes], shape)


def _batches(source: ViewSource, settings: SamSettings, done: int) -> Iterator[SamBatch]:
    dataset = SamBatchDataset(source, settings.batch, settings.seed, settings.steps)
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


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    defaults, shape = SamSettings(), SamBatchShape()
    parser = argparse.ArgumentParser(
        prog="python -m napari_vlseg.training.sam.pretrain",
        description="Train the bundled click and box model from scratch.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--dsb2018", type=Path, required=True, help="folder with index.csv")
    parser.add_argument("--out", type=Path, required=True, help="folder of the run")
    parser.add_argument("--steps", type=int, default=defaults.steps, help="default %(default)s")
    parser.add_argument("--seed", type=int, default=defaults.seed, help="default %(default)s")
    parser.add_argument("--rate", type=float, default=defaults.rate, help="learning-rate factor")
    parser.add_argument("--images", type=int, default=shape.images, help="tiles per step")
    parser.add_argument("--objects", type=int, default=shape.objects, help="objects per tile")
    parser.add_argument("--real-share", type=float, default=shape.real_share, help="of tiles")
    parser.add_argument("--scenes", type=int, default=defaults.n_scenes, help="default %(default)s")
    parser.add_argument("--device", default=defaults.device, help="cpu, cuda or auto")
    parser.add_argument("--threads", type=int, default=0, help="torch threads; 0 leaves them")
    parser.add_argument("--workers", type=int, default=defaults.workers, help="batch processes")
    parser.add_argument("--scene-workers", type=int, default=0, help="0 for one per core")
    parser.add_argument("--save-every", type=int, default=defaults.save_every, help="in steps")
    return parser.parse_args(arguments)


def settings_from(arguments: argparse.Namespace) -> SamSettings:
    """Settings of a run from its command line."""
    return SamSettings(
        steps=arguments.steps,
        seed=arguments.seed,
        n_scenes=arguments.scenes,
        batch=SamBatchShape(arguments.images, arguments.objects, arguments.real_share),
        rate=arguments.rate,
        device=arguments.device,
        workers=arguments.workers,
        scene_workers=arguments.scene_workers,
        save_every=arguments.save_every,
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; 0 when it went well."""
    parsed = parse_arguments(arguments)
    console = Console()
    if parsed.threads:
        torch.set_num_threads(parsed.threads)
    settings = settings_from(parsed)
    try:
        for event in pretrain(parsed.dsb2018, parsed.out, settings):
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
