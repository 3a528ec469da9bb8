"""The rows of the paper's tables, as data: trainings by their flags, and what is scored of them against which figures.

Source: Godard et al., "Digging Into Self-Supervised Monocular Depth Estimation", ICCV 2019, arXiv 1806.01260, and its
supplement. One more table has what this program adds: other encoders, each with 2019's recipe and with the modern one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from monodepth2.config.recipes import RECIPES as FLAG_SETS

BELOW, ABOVE = 0.002, 0.001  # of abs_rel from a row's: reruns of the recipe of .115 come to .113 to .116
RULE = (
    f"green: abs_rel, rounded to three digits, is at most {BELOW:g} below and {ABOVE:g} above the paper's: reruns of "
    "the recipe with .115 come to .113 to .116. No band is known of Make3D and of odometry: nothing is green there."
)
NAMES = ("abs_rel", "sq_rel", "rmse", "rmse_log", "a1", "a2", "a3")
OF_MAKE3D = ("abs_rel", "sq_rel", "rmse", "log10")
OF_ODOMETRY = ("ate", "ate_std")
EIGEN, BENCHMARK, MAKE3D = "eigen", "eigen_benchmark", "make3d"


@dataclass(frozen=True)
class Recipe:
    """A training.

    Attributes:
        name: of the training; that of its published weights where there are some.
        flags: options that differ from 2019's defaults.
        start: the recipe whose weights it starts from.
        assumed: what the paper does not say, in a sentence.
    """

    name: str
    flags: Mapping[str, Any] = field(default_factory=dict)
    start: str | None = None
    assumed: str = ""

    @property
    def words_of_flags(self) -> list[str]:
        """Its flags as a command line has them."""
        parts = []
        for name, value in self.flags.items():
            values = value if isinstance(value, tuple) else () if value is True else (value,)
            parts.append(" ".join([f"--{name}", *map(str, values)]))
        return parts

    @property
    def stereo(self) -> bool:
        """Whether its depths have the rig's scale."""
        return bool(self.flags.get("use_stereo"))


@dataclass(frozen=True)
class Row:
    """A row of a table.

    Attributes:
        name: by which it is asked for.
        table: by which all of its table are.
        recipe: name of the training.
        split: that is scored.
        names: of its figures.
        paper: the paper's figures by these names; empty where it has none.
    """

    name: str
    table: str
    recipe: str
    split: str
    names: Sequence[str]
    paper: Mapping[str, float]

    def inside(self, figures: Mapping[str, float]) -> bool:
        """Whether measured figures lie in the band; not where it is unknown how far reruns are apart."""
        if not self.paper or self.split not in (EIGEN, BENCHMARK):
            return False
        return -BELOW <= round(round(figures["abs_rel"], 3) - self.paper["abs_rel"], 3) <= ABOVE


STEREO: dict[str, Any] = {"frame_ids": (0,), "use_stereo": True, "split": "eigen_full"}
BOTH: dict[str, Any] = {"use_stereo": True}
SCRATCH: dict[str, Any] = {"weights_init": "scratch"}
LARGE: dict[str, Any] = {"height": 320, "width": 1024, "batch_size": 4, "learning_rate": 5e-5, "num_epochs": 5}
V1 = {"v1_multiscale": True}
AVERAGE = {"avg_reprojection": True}
UNMASKED = {"disable_automasking": True}
AS_OTHERS = "that it is trained for 20 epochs, like the others"
TUNED = "that it goes on from the smaller model's weights for 5 epochs, with batches of 4 and a learning rate of 5e-5"
OWN_POSES = "that each source has a pose of its own; the 2019 program gives the first one to all of them"
ENCODERS = ("resnet10t", "mobilenetv4_conv_small_050", "hrnet_w18", "convnext_tiny")
MODERN = {name: value for name, value in FLAG_SETS["modern"].items() if name != "encoder"}


def _encoders_by_recipes() -> list[Recipe]:
    """Encoders by recipes; 2019's encoder with 2019's recipe is the first row of all."""
    found = [Recipe("resnet18_modern", MODERN), Recipe("resnet18_hr_decoder", {"decoder": "hr"})]
    for encoder in ENCODERS:
        found += [
            Recipe(f"{encoder}_{name}", {"encoder": encoder, **flags})
            for name, flags in (("2019", {}), ("modern", MODERN))
        ]
    return found


ADDITIONS = _encoders_by_recipes()


_ALL = (
    Recipe("mono_640x192"),
    Recipe("stereo_640x192", STEREO),
    Recipe("mono+stereo_640x192", BOTH),
    Recipe("mono_no_pt_640x192", SCRATCH, assumed=AS_OTHERS),
    Recipe("stereo_no_pt_640x192", {**STEREO, **SCRATCH}, assumed=AS_OTHERS),
    Recipe("mono+stereo_no_pt_640x192", {**BOTH, **SCRATCH}, assumed=AS_OTHERS),
    Recipe("mono_1024x320", LARGE, "mono_640x192", TUNED),
    Recipe("stereo_1024x320", {**STEREO, **LARGE}, "stereo_640x192", TUNED),
    Recipe("mono+stereo_1024x320", {**BOTH, **LARGE}, "mono+stereo_640x192", TUNED),
    Recipe("mono_resnet50", {"num_layers": 50}),
    Recipe("baseline", {**V1, **AVERAGE, **UNMASKED}),
    Recipe("baseline_min_reprojection", {**V1, **UNMASKED}),
    Recipe("baseline_automask", {**V1, **AVERAGE}),
    Recipe("baseline_full_resolution", {**AVERAGE, **UNMASKED}),
    Recipe("without_min_reprojection", AVERAGE),
    Recipe("without_automask", UNMASKED),
    Recipe("without_full_resolution", V1),
    Recipe("without_ssim", {"no_ssim": True}),
    Recipe("predictive_mask", {**UNMASKED, "predictive_mask": True}),
    Recipe("posecnn_2", {"pose_model_type": "posecnn"}),
    Recipe("posecnn_3", {"pose_model_type": "posecnn", "pose_model_input": "all"}, assumed=OWN_POSES),
    Recipe("shared_2", {"pose_model_type": "shared"}),
    Recipe("shared_3", {"pose_model_type": "shared", "pose_model_input": "all"}),
    Recipe("separate_3", {"pose_model_input": "all"}),
    Recipe("odometry", {"split": "odom", "dataset": "kitti_odom"}),
    *ADDITIONS,
)
RECIPES = {recipe.name: recipe for recipe in _ALL}

# rows and tables that a name stands for as well: a table's rows are compared with the full model's
GROUPS = {
    "table2": ("mono_640x192",),
    "pose_networks": ("mono_640x192",),
    "table6": ("1024x320",),
    "odometry": ("odom_9", "odom_10"),
}

# a line of each table: the recipe, and the paper's figures in the order of its split's names
TABLES: dict[str, tuple[str, tuple[str, ...], str]] = {
    "table1": (EIGEN, NAMES, """
        mono_640x192               .115  .903 4.863 .193 .877 .959 .981
        stereo_640x192             .109  .873 4.960 .209 .864 .948 .975
        mono+stereo_640x192        .106  .818 4.750 .196 .874 .957 .979
        mono_no_pt_640x192         .132 1.044 5.142 .210 .845 .948 .977
        stereo_no_pt_640x192       .130 1.144 5.485 .232 .831 .932 .968
        mono+stereo_no_pt_640x192  .127 1.031 5.266 .221 .836 .943 .974
        mono_resnet50              .110  .831 4.642 .187 .883 .962 .982
    """),
    "1024x320": (EIGEN, NAMES, """
        mono_1024x320              .115  .882 4.701 .190 .879 .961 .982
        stereo_1024x320            .107  .849 4.764 .201 .874 .953 .977
        mono+stereo_1024x320       .106  .806 4.630 .193 .876 .958 .980
    """),
    "table2": (EIGEN, NAMES, """
        baseline                   .140 1.610 5.512 .223 .852 .946 .973
        baseline_min_reprojection  .122 1.081 5.116 .199 .866 .957 .980
        baseline_automask          .124  .936 5.010 .206 .858 .952 .977
        baseline_full_resolution   .124 1.170 5.249 .203 .865 .953 .978
        without_min_reprojection   .117  .878 4.846 .196 .870 .957 .980
        without_automask           .120 1.097 5.074 .197 .872 .956 .979
        without_full_resolution    .117  .866 4.864 .196 .871 .957 .981
        without_ssim               .118  .853 4.824 .198 .868 .956 .980
        predictive_mask            .123 1.177 5.210 .200 .869 .955 .978
    """),
    "pose_networks": (EIGEN, NAMES[:1], """
        posecnn_2                  .138
        posecnn_3                  .148
        shared_2                   .125
        shared_3                   .123
        separate_3                 .115
    """),
    "eigen_benchmark": (BENCHMARK, NAMES, """
        mono_640x192               .090  .545 3.942 .137 .914 .983 .995
        stereo_640x192             .085  .537 3.868 .139 .912 .979 .993
        mono+stereo_640x192        .080  .466 3.681 .127 .926 .985 .995
    """),
    "make3d": (MAKE3D, OF_MAKE3D, """
        mono_640x192               .322 3.589 7.417 .163
        mono+stereo_640x192        .374 3.792 8.238 .201
    """),
    "odom_9": ("odom_9", OF_ODOMETRY, "odometry .017 .008"),
    "odom_10": ("odom_10", OF_ODOMETRY, "odometry .015 .010"),
    "additions": (EIGEN, NAMES, "\n".join(recipe.name for recipe in ADDITIONS)),
}  # fmt: skip


def _rows() -> dict[str, Row]:
    """Every row by its name: the recipe's, after the table where several tables have it."""
    found: dict[str, Row] = {}
    for table, (split, names, text) in TABLES.items():
        for line in text.strip().splitlines():
            recipe, *figures = line.split()
            name = recipe if split == EIGEN else f"{table}:{recipe}"
            found[name] = Row(
                name, table, recipe, split, names, dict(zip(names, map(float, figures), strict=bool(figures)))
            )
    return found


ROWS = _rows()
