"""What the gallery shows: picture, prompt, marks, and what there is to know.

The captions say what makes a picture easy or hard. How well it went is measured against the
marks, so that no caption has to be believed when the models change.
"""

from __future__ import annotations

from dataclasses import dataclass

from asking import Asking, ByBoxes, ByClicks, ByExample, ByWords
from marks import Marks, Nothing, Objects, Points
from pictures import (
    BRICK,
    CAT,
    CELL,
    COFFEE,
    COINS,
    GALAXIES,
    GRAVEL,
    LESIONS,
    RETINA,
    TISSUE,
    Picture,
)

from napari_vlseg.proposals import PostProcess


@dataclass(frozen=True)
class Entry:
    """One exhibit; `name` is that of its file."""

    name: str
    title: str
    picture: Picture
    prompt: Asking
    marks: Marks
    caption: str


# fmt: off
_COINS = Objects((
    (44, 335, 28, 28), (51, 155, 23, 23), (51, 215, 23, 23), (52, 276, 20, 20), (54, 44, 20, 20),
    (56, 100, 19, 19), (119, 271, 25, 25), (124, 45, 20, 20), (124, 205, 19, 19),
    (125, 336, 19, 19), (126, 102, 18, 18), (127, 154, 18, 18), (187, 347, 31, 31),
    (193, 212, 23, 23), (194, 274, 22, 22), (196, 102, 21, 21), (197, 44, 18, 18),
    (198, 154, 19, 19), (260, 46, 28, 28), (261, 172, 27, 27), (263, 301, 25, 25),
    (263, 244, 23, 23), (266, 114, 21, 21), (268, 358, 22, 22),
))
_STONES = Objects((
    (39, 14, 8.5, 9), (40, 33, 8, 9), (23, 99, 6.5, 12, 40), (25, 158, 10, 13), (118, 35, 9, 9),
    (91, 141, 10.5, 10), (160, 67, 10, 9), (98, 161, 8, 13, 25), (88, 18, 14, 9),
    (81, 77, 11, 7), (122, 72, 14, 7.5), (145, 36, 9, 13), (154, 115, 6.5, 11.5),
    (149, 176, 8.5, 9.5), (172, 125, 10, 11), (80, 50, 16, 12),
), complete=False)
_CLEAR_NUCLEI = Objects((
    (10.5, 12, 4.5, 5), (35, 157, 6.5, 4.5), (137, 20.5, 4.5, 6), (112, 148, 6, 7.5),
    (103, 167, 5, 5), (105, 184, 5, 6), (119, 170.5, 7.5, 3.8, 15), (99, 28.5, 10, 3, 12),
    (37.5, 126, 4, 7.5, 25), (38, 177, 4, 5), (83, 162.5, 4.5, 4), (89, 175, 6, 5),
), complete=False, overlap=0.65)
_TWO_LESIONS = Objects(((22.5, 16.5, 2.7, 2.7), (71, 49, 2.3, 2.3)))
_CROCKERY = Objects(((56, 145.5, 47.5, 58.5), (141.5, 183, 21.5, 20)), complete=False, overlap=0.85)
_NUCLEI = Points(
    inside=(
        (10, 11), (12, 38), (18, 86), (21, 68), (29, 70), (41, 67), (54, 69), (9, 100), (14, 111),
        (24, 136), (37, 126), (35, 157), (15, 174), (38, 177), (40, 51), (66, 80), (71, 33),
        (78, 45), (98, 28), (100, 63), (124, 35), (122, 66), (137, 21), (149, 20), (136, 68),
        (140, 59), (139, 79), (93, 107), (111, 148), (103, 167), (105, 184), (120, 170),
        (119, 187), (88, 175), (83, 163), (136, 188),
    ),
    outside=(
        (55, 20), (60, 50), (85, 15), (110, 50), (110, 80), (135, 45), (70, 60), (50, 90),
        (40, 20), (45, 110), (75, 88), (115, 15), (75, 125), (98, 94), (78, 182), (65, 150),
        (135, 150), (140, 165), (60, 100), (105, 12), (90, 50), (25, 45), (55, 150), (90, 75),
        (92, 165), (100, 140), (124, 146), (115, 126), (131, 100), (110, 160), (134, 163),
        (73, 169), (91, 186), (147, 148), (85, 124), (68, 140),
    ),
)
_VESSELS = Points(
    inside=(
        (9, 157), (17, 187), (21, 220), (29, 253), (51, 282), (59, 310), (68, 370), (58, 57),
        (39, 82), (82, 27), (105, 119), (66, 200), (84, 244), (107, 275), (333, 130), (334, 176),
        (313, 238), (285, 311), (283, 340), (294, 45), (311, 80), (360, 121), (363, 170),
        (341, 34), (152, 166), (73, 132), (348, 353), (370, 341),
    ),
    outside=(
        (45, 160), (130, 110), (180, 110), (205, 150), (25, 340), (200, 252), (190, 330),
        (250, 350), (300, 150), (345, 300), (380, 150), (175, 25), (380, 250), (230, 100),
        (150, 290), (90, 200), (40, 230), (230, 330), (320, 20), (260, 140), (130, 30),
        (370, 80), (60, 230), (310, 330),
    ),
)
_LESIONS = Points(
    inside=((22, 16), (71, 49)),
    outside=(
        (19, 5), (8, 40), (11, 75), (49, 18), (50, 45), (52, 70), (53, 90), (87, 15), (89, 40),
        (91, 60), (80, 83), (30, 50), (65, 20), (40, 85), (75, 60), (97, 60),
    ),
)
_GALAXIES = Points(
    inside=(
        (11, 198), (140, 194), (102, 223), (249, 174), (226, 20), (81, 30), (94, 48), (104, 197),
        (87, 86), (30, 69), (108, 32), (81, 130), (199, 214), (79, 197), (181, 223), (227, 162),
        (235, 243), (71, 57), (218, 215), (92, 119), (160, 61), (147, 36), (20, 167), (44, 142),
        (183, 142), (37, 200), (209, 112), (184, 195), (223, 54),
    ),
    outside=(
        (130, 71), (80, 15), (164, 228), (128, 153), (159, 138), (140, 13), (212, 48), (26, 216),
        (10, 137), (122, 108), (6, 35), (7, 169), (68, 155), (192, 99), (117, 249), (202, 245),
        (97, 172), (210, 173), (146, 181), (212, 133), (67, 83), (179, 157), (169, 87),
        (224, 200),
    ),
)
# fmt: on

_TISSUE = TISSUE.part(256, 160, 416, 352)
_GALAXY_PART = GALAXIES.part(180, 560, 436, 816)
_STONE_PART = GRAVEL.part(0, 0, 192, 192)

ENTRIES = (
    Entry(
        "tissue-nuclei",
        "Nuclei beside brown membranes",
        _TISSUE,
        ByWords("nuclei"),
        _NUCLEI,
        "Haematoxylin is the purple of the training images, but there it stood beside pink, not "
        "beside the brown of DAB. The nuclei of the gland are paler than those around it.",
    ),
    Entry(
        "tissue-reference",
        "Nuclei beside brown membranes, by one example",
        _TISSUE,
        ByExample((131, 14, 142, 28)),
        _NUCLEI,
        "The same picture and marks as for the word; one nucleus is shown instead.",
    ),
    Entry(
        "cell",
        "One cell in phase contrast",
        CELL.part(0, 0, 660, 550, step=2),
        ByWords("cell", scale=2, settings=PostProcess(min_size=500)),
        Objects(((188, 216, 31, 31),)),
        "The cell is far larger than the objects of the training: the picture was halved, and the "
        "model reads it at half of that. The dark halo and the fringes hold nothing.",
    ),
    Entry(
        "coins-reference",
        "Coins, by one example",
        COINS,
        ByExample((16, 307, 73, 364), settings=PostProcess(min_size=300)),
        _COINS,
        "No coin was in the training. They are round and bright but full of relief, the light "
        "falls off to the right, and the largest are half as wide as the model's window.",
    ),
    Entry(
        "coins-circles",
        "Coins, by their shape",
        COINS,
        ByWords("circles", scale=2),
        _COINS,
        "The circles of the training were painted in one colour each.",
    ),
    Entry(
        "coins-unknown",
        "Coins, by a word that the model never saw",
        COINS,
        ByWords("coins"),
        _COINS,
        "“Coins” is outside the vocabulary, which the window, the command line and Python say. "
        "The model is meant to find nothing then, rather than whatever stands out.",
    ),
    Entry(
        "vessels",
        "Vessels of a retina",
        RETINA.part(300, 200, 1100, 1000, step=2),
        ByWords("blood vessels", settings=PostProcess(mode="semantic")),
        _VESSELS,
        "Every vessel of the training was painted by the package. Here the contrast is low, "
        "red on red, and the dark spot in the middle (the fovea) is no vessel. One point in "
        "seven lies on the finest branches.",
    ),
    Entry(
        "lesions",
        "Microaneurysms",
        LESIONS,
        ByWords("dark spots"),
        _LESIONS,
        "Two lesions of five pixels each, between vessels that are as dark as they are.",
    ),
    Entry(
        "galaxies",
        "Galaxies",
        _GALAXY_PART,
        ByWords("bright spots"),
        _GALAXIES,
        "Bright things on black, as in fluorescence, from three pixels to thirty. The brightest "
        "are marked.",
    ),
    Entry(
        "stones",
        "Gravel, by one example",
        _STONE_PART,
        ByExample((109, 26, 127, 45)),
        _STONES,
        "Stones touch and hide each other and look alike in colour; only the clearest are marked.",
    ),
    Entry(
        "coins-clicks",
        "Coins, by a click on each",
        COINS,
        ByClicks(_COINS.centres),
        _COINS,
        "Heads and letters stand out on a coin more than its edge does: a click may mean either.",
    ),
    Entry(
        "tissue-clicks",
        "Nuclei beside brown membranes, by a click on each",
        _TISSUE,
        ByClicks(_CLEAR_NUCLEI.centres),
        _CLEAR_NUCLEI,
        "Nuclei of ten pixels, some of them thin; only those with a clear edge are marked.",
    ),
    Entry(
        "lesions-clicks",
        "Microaneurysms, by a click on each",
        LESIONS,
        ByClicks(_TWO_LESIONS.centres),
        _TWO_LESIONS,
        "A click tells what words could not: these two, and no vessel. At five pixels across, "
        "one pixel more or less decides.",
    ),
    Entry(
        "stones-clicks",
        "Gravel, by a click on each",
        _STONE_PART,
        ByClicks(_STONES.centres),
        _STONES,
        "Every edge here is the edge of a stone, of this one or of its neighbour.",
    ),
    Entry(
        "coffee-boxes",
        "Cup and spoon, by boxes",
        COFFEE.part(0, 0, 400, 600, step=2),
        ByBoxes(((9, 87, 104, 205), (120, 163, 163, 204))),
        _CROCKERY,
        "The rim of the cup and the bowl of the spoon: reflections, and more than one thing in "
        "each box.",
    ),
    Entry(
        "brick-nuclei",
        "No nuclei in a wall",
        BRICK.part(0, 0, 256, 256),
        ByWords("nuclei"),
        Nothing(),
        "Evenly shaped patches of one grey: a model that looks for whatever is regular would "
        "find many.",
    ),
    Entry(
        "coffee-nuclei",
        "No nuclei in a cup",
        COFFEE.part(0, 0, 400, 600, step=2),
        ByWords("nuclei"),
        Nothing(),
        "Round things of strong colour that are no nuclei.",
    ),
    Entry(
        "cat-triangle",
        "No blue square on a cat",
        CAT,
        ByWords("blue square"),
        Nothing(),
        "Both words are known, and neither is in the picture.",
    ),
)
"""All entries, in the order in which they are shown within a section."""
