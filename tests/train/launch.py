"""`python -m tests.train.launch ...` is `python -m train.main ...` with the stand-in, which compiles in a second."""

from absl import app, flags

from tests.train.stand_in import create_stand_in
from train import experiment
from train.flags import parse_flags
from train.main import main

if __name__ == "__main__":
    experiment.create_model = create_stand_in
    flags.mark_flags_as_required(["config", "workdir"])
    app.run(main, flags_parser=lambda argv: parse_flags("launch", argv))
