"""Train the bundled model: ``python -m napari_vlseg.training.pretrain --help``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import torch

from napari_vlseg.events import Notice, Work
from napari_vlseg.training.batches import BatchDataset, BatchShape
from napari_vlseg.training.checkpoint import start_from
from napari_vlseg.training.dsb2018 import load_images, read_index, split_by_group
from napari_vlseg.training.examples import ExampleSource
from napari_vlseg.training.novel_pairs import generate_novel_pairs
from napari_vlseg.training.publish import save_model_folder
from napari_vlseg.training.runs import open_run, show, train
from napari_vlseg.training.scene_bank import TRAINING_SEEDS, SceneBank, generate_scenes
from napari_vlseg.training.settings import PretrainSettings
from napari_vlseg.training.tokenizer import build_tokenizer, training_corpus
from napari_vlseg.training.trainer import PIXEL_MEAN, PIXEL_STD, Trainer

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
    open_run(out, settings)
    yield Notice(f"Generating {settings.n_scenes} scenes and {settings.n_pairs} pairs.")
    source = _example_source(data, settings)
    tokenizer = build_tokenizer(training_corpus())
    trainer = Trainer(settings, tokenizer)
    if settings.start:
        start_from(Path(settings.start), trainer.modules)
    dataset = BatchDataset(source, settings.batch, settings.seed, settings.steps)

    def save(folder: Path) -> None:
        averaged = trainer.average_at_half_precision()
        save_model_folder(averaged, tokenizer, folder, PIXEL_MEAN, PIXEL_STD)

    return (yield from train(out, settings, trainer, dataset, save))


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
    if parsed.threads:
        torch.set_num_threads(parsed.threads)
    settings = settings_from(parsed)
    return show(pretrain(parsed.dsb2018, parsed.out, settings), settings.log_every)


if __name__ == "__main__":
    raise SystemExit(main())
