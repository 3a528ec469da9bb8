"""What `monodepth2 reproduce` does: it trains and scores what is missing of some rows, and leaves a page."""

import gc
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from tabulate import tabulate

from monodepth2.checkpoints.published import MD5_SUMS, cache_folder, published_model
from monodepth2.checkpoints.records import recorded_options
from monodepth2.config import Options, ReproduceOptions
from monodepth2.config.reproduce import ALL, LIST
from monodepth2.errors import UserError, counted, first_line, nearest, tell
from monodepth2.files.output_paths import make_output_folder, write_whole
from monodepth2.reproduce.page import write_page
from monodepth2.reproduce.plan import REFERENCE, in_words, jobs, measured_step, recipes_of
from monodepth2.reproduce.rows import BENCHMARK, GROUPS, MAKE3D, RECIPES, ROWS, TABLES, Recipe, Row
from monodepth2.reproduce.scales import PaperScale, scale_of
from monodepth2.reproduce.scores import PUBLISHED, Score, Scores, measured
from monodepth2.runtime.devices import pick_device
from monodepth2.runtime.processes import Processes
from monodepth2.training.run_checkpoints import flags_apart
from monodepth2.training.trainer import Trainer

PAGE, PLAN = "index.html", "plan.txt"
ENDED = 128  # and above: exit codes of a training that a signal has ended


def run(options: ReproduceOptions) -> int:
    """Reproduce rows as the options say; return the exit code.

    It is 0, 1 where a row has no figures, or that of a training that was ended early.

    Raises:
        UserError: there is no such row, or the folder cannot be written.
    """
    if LIST in options.rows:
        print(listing(chosen([name for name in options.rows if name != LIST] or [ALL])))
        return 0
    rows = chosen(options.rows)
    if not Processes.from_environment().alone:
        raise UserError("reproduce trains in one process: start it without torchrun, or train with torchrun and the "
                        "flags that its plan states")  # fmt: skip
    make_output_folder("output", options.folder)
    scale = scale_of(options)
    scale.prepare()
    if options.dry_run:
        return _plan(rows, options, scale)
    return Reproduction(rows, options, scale).run()


def chosen(names: Sequence[str]) -> list[Row]:
    """The rows of some names, in the order of the tables.

    Raises:
        UserError: there is no row and no table of a name.
    """
    for name in names:
        if name not in (ALL, *ROWS, *TABLES, *GROUPS):
            meant = nearest(name, [*ROWS, *TABLES, *GROUPS]) or ";"
            raise UserError(f"{name}: no row and no table{meant} monodepth2 reproduce list shows the rows")
    wanted = {*names, *(row for name in names for row in GROUPS.get(name, ()))}
    return [row for row in ROWS.values() if {ALL, row.name, row.table} & wanted]


def listing(rows: Sequence[Row]) -> str:
    """Rows with what they train and need."""
    cells = [
        [row.name, row.table, _first_figure(row), _needs(row), " ".join(RECIPES[row.recipe].words_of_flags)]
        for row in rows
    ]
    return tabulate(cells, ["row", "table", "paper", "needs", "trains with"], disable_numparse=True)


def _first_figure(row: Row) -> str:
    return " ".join(f"{name} {value:.3f}" for name, value in list(row.paper.items())[:1])


def _needs(row: Row) -> str:
    if row.split.startswith("odom"):
        return "KITTI odometry"
    also = {BENCHMARK: ", improved depth maps", MAKE3D: ", Make3D"}.get(row.split, ", its scans")
    return f"KITTI raw{also}"


def _plan(rows: Sequence[Row], options: ReproduceOptions, scale: PaperScale) -> int:
    """Say what there is to do, and leave it in a file."""
    lacking = left_out({row.name: scale.lacking(row, options.seeds) for row in rows}, "not possible yet")
    step = replace(REFERENCE, precision=options.precision, compile=options.compile)
    seconds = options.step_seconds or measured_step(pick_device(options.device, options.no_cuda), step)
    origin = "as stated" if options.step_seconds else "measured on this machine"
    found = list(jobs(rows, options.seeds, scale))
    text = "\n".join([in_words(found, seconds, origin), *lacking])
    print(text)
    write_whole(options.folder / PLAN, text + "\n")
    print(f"the plan is {options.folder / PLAN}")
    return 0


def left_out(lacking: Mapping[str, str], what: str = "left out") -> list[str]:
    """Say which rows are left out, a sentence for each reason; those that lack nothing have an empty one."""
    names: dict[str, list[str]] = {}
    for name, reason in lacking.items():
        names.setdefault(reason, []).append(name)
    return [f"{what}, {reason}: {', '.join(found)}" for reason, found in names.items() if reason]


class Reproduction:
    """The work on some rows.

    Args:
        rows: to reproduce.
        options: of the command.
        scale: that of the options.
    """

    def __init__(self, rows: Sequence[Row], options: ReproduceOptions, scale: PaperScale) -> None:
        self.rows, self.options, self.scale = rows, options, scale
        self.scores = Scores(options.folder / "scores")
        self.found: dict[tuple[str, str], Score | str] = {}
        trained = {f"seed{seed}": (seed,) for seed in options.seeds}
        self.columns = [PUBLISHED, *trained]
        self.lacking = {
            (row.name, column): scale.lacking(row, trained.get(column, ())) for row in rows for column in self.columns
        }

    def run(self) -> int:
        """Do what is missing; return the exit code."""
        left = {}
        for row in self.rows:
            for column in self.columns:
                reason, score = self.lacking[row.name, column], self._kept(row, column)
                if score:
                    self.found[row.name, column] = score
                elif column == PUBLISHED and row.recipe not in MD5_SUMS:
                    self.found[row.name, column] = "none were published"
                elif reason:
                    self.found[row.name, column] = reason
                    if column != PUBLISHED:
                        left[row.name] = reason
        for sentence in left_out(left):
            tell(sentence)
        self._score_published()
        self._write()
        for seed in self.options.seeds:
            for recipe in recipes_of(self.rows):
                if self._is_needed(recipe, seed) and (code := self._train(recipe, seed)):
                    return code
                self._write()
        print(f"the page of {counted(len(self.rows), 'row')} is {self.options.folder / PAGE}")
        done = [
            isinstance(self.found.get((row.name, column)), Score) for row in self.rows for column in self.columns[1:]
        ]
        return 0 if all(done) else 1

    def _kept(self, row: Row, column: str) -> Score | None:
        """What was measured before, unless that was of other published weights, or of a recipe that has changed."""
        score = self.scores.find(row, column)
        if score is None:
            return None
        if column == PUBLISHED:
            return score if score.weights == str(self._published / row.recipe) else None
        if score.flags != RECIPES[row.recipe].words_of_flags:
            tell(f"{row.name}, {column}: its score is of other flags ({' '.join(score.flags)}), and does not count")
            return None
        return score

    @property
    def _published(self) -> Path:
        """Where the published weights lie, or will."""
        return self.options.published.expanduser() if self.options.published else cache_folder()

    def _score_published(self) -> None:
        """Score the published weights, where there are some and they can be had."""
        for row in self.rows:
            if (row.name, PUBLISHED) in self.found:
                continue
            if self.options.no_published:
                self.found[row.name, PUBLISHED] = "left out by --no_published"
            elif self.options.scale == "tiny" and not self.options.published:
                self.found[row.name, PUBLISHED] = "left out of a rehearsal without --published"
            else:
                self._score(row, PUBLISHED)

    def _is_needed(self, recipe: Recipe, seed: int) -> bool:
        """Whether a row that is still open is of this recipe, or is to start from its weights."""
        for row in self.rows:
            own = RECIPES[row.recipe]
            starts = own.start == recipe.name and not self.scale.weights(own, seed).is_dir()
            if self._is_open(row, seed) and (own.name == recipe.name or starts):
                return True
        return False

    def _is_open(self, row: Row, seed: int) -> bool:
        """Whether a row can have a score and has none yet."""
        key = row.name, f"seed{seed}"
        return not self.lacking[key] and not isinstance(self.found.get(key), Score)

    def _train(self, recipe: Recipe, seed: int) -> int:
        """Train a recipe unless that is done, and score its rows; return the exit code of a training that was ended."""
        mine = [row for row in self.rows if row.recipe == recipe.name and self._is_open(row, seed)]
        column, weights = f"seed{seed}", self.scale.weights(recipe, seed)
        try:
            if recipe.start:
                self._check_flags(RECIPES[recipe.start], seed)
            if weights.is_dir():
                self._check_flags(recipe, seed)
            else:
                code = Trainer(self.scale.training(recipe, seed)).train()
                gc.collect()  # compiled networks, and what is imported first, hold themselves and others in circles
                if code >= ENDED:
                    return code
        except UserError as error:
            tell(f"{recipe.name}: not trained: {error}")
            for row in mine:
                self.found[row.name, column] = f"not trained: {first_line(error)}"
            return 0
        for row in mine:
            self._score(row, column, seed)
        return 0

    def _check_flags(self, recipe: Recipe, seed: int) -> None:
        """Refuse weights of a training with other flags; its numbers and how pictures are stored make no difference.

        Raises:
            UserError: there are such.
        """
        weights, wanted = self.scale.weights(recipe, seed), self.scale.training(recipe, seed)
        recorded = recorded_options(weights.parent)
        if recorded is None:
            return
        same = {name: getattr(recorded, name) for name in ("precision", "compile", "png")}
        if listed := flags_apart(recorded, replace(wanted, **same), also=("weights_init", "num_epochs")):
            raise UserError(f"{weights.parent.parent} was trained with {listed}: remove it, or name another --output")
        if wanted.precision != recorded.precision:
            name = weights.parent.parent.name
            tell(f"{name}: is there, trained in {recorded.precision}, and is not trained again in {wanted.precision}")

    def _score(self, row: Row, column: str, seed: int = 0) -> None:
        try:
            if column == PUBLISHED:
                weights = self._published / row.recipe if self.options.published else published_model(row.recipe)
            else:
                weights = self.scale.weights(RECIPES[row.recipe], seed)
            score = replace(measured(row, self.scale.scoring(row, weights)), how=_how(weights))
        except UserError as error:
            tell(f"{row.name}, {column}: not scored: {error}")
            self.found[row.name, column] = f"not scored: {first_line(error)}"
            return
        if not all(map(math.isfinite, score.figures.values())):
            self.found[row.name, column] = "its figures are not finite"
            return
        self.scores.keep(row, column, score)
        self.found[row.name, column] = score

    def _write(self) -> None:
        options = self.options
        write_page(options.folder / PAGE, self.rows, options.seeds, self.found, options.scale == "tiny")


def _how(weights: Path) -> str:
    """In what a run differs from its row: numbers that are not float32, and a pose network from scratch.

    Its own record says so; a file of pretrained weights is for the depth network's backbone.
    """
    recorded = recorded_options(weights.parent)
    if recorded is None:
        return ""
    parts = [recorded.precision] if recorded.precision != Options.precision else []
    if recorded.pretrained_weights and recorded.pose_encoder not in (None, recorded.encoder):
        parts.append("pose network from scratch (--pretrained_weights)")
    return ", ".join(parts)
