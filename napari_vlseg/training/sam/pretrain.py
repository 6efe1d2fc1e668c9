"""Train the click and box model: ``python -m napari_vlseg.training.sam.pretrain --help``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import torch

from napari_vlseg.events import Notice, Work
from napari_vlseg.training.checkpoint import start_from
from napari_vlseg.training.dsb2018 import load_images, read_index, split_by_group
from napari_vlseg.training.runs import open_run, show, train
from napari_vlseg.training.sam.batches import SamBatchDataset, ViewSource
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
    open_run(out, settings)
    yield Notice(f"Generating {settings.n_scenes} scenes.")
    source = _view_source(data, settings)
    trainer = SamTrainer(settings)
    if settings.start:
        start_from(Path(settings.start), trainer.modules)
    dataset = SamBatchDataset(source, settings.batch, settings.seed, settings.steps)

    def save(folder: Path) -> None:
        averaged = trainer.average_at_half_precision()
        save_sam_folder(averaged, folder, PIXEL_MEAN, PIXEL_STD, TILE_DEFAULTS)

    return (yield from train(out, settings, trainer, dataset, save))


def _view_source(data: Path, settings: SamSettings) -> ViewSource:
    train_ids, _ = split_by_group(read_index(data))
    scenes = generate_scenes(
        TRAINING_SEEDS.start, settings.n_scenes, settings.scene_size, settings.scene_workers
    )
    real = [from_nuclei(image) for image in load_images(data, train_ids)]
    shape = ViewShape(settings.model.image_size, settings.model.mask_size, PIXEL_MEAN)
    return ViewSource(real, [from_scene(scene) for scene in scenes], shape)


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
    parser.add_argument("--start", default=defaults.start, help="refine this run's checkpoint.pt")
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
        start=arguments.start,
        device=arguments.device,
        workers=arguments.workers,
        scene_workers=arguments.scene_workers,
        save_every=arguments.save_every,
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; 0 when it went well."""
    parsed = parse_arguments(arguments)
    if parsed.threads:
        torch.set_num_threads(parsed.threads)
    settings = settings_from(parsed)
    return show(pretrain(parsed.dsb2018, parsed.out, settings), settings.log_every)


if __name__ == "__main__":
    raise SystemExit(main())
