from importlib.resources import files
from pathlib import Path

import pytest
from tokenizers import Tokenizer

from adapt.starter.recipe.exercises.exercise import ExerciseSource
from adapt.starter.recipe.texts.corpus import Corpus, read_corpus
from adapt.starter.recipe.training.batches import make_source
from tests.adapt.starter.made import write_folders


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return write_folders(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="session")
def corpus(data: list[Path]) -> Corpus:
    return read_corpus(data)


@pytest.fixture(scope="session")
def training(corpus: Corpus) -> ExerciseSource:
    return make_source(corpus, held_out=False)


@pytest.fixture(scope="session")
def evaluation(corpus: Corpus) -> ExerciseSource:
    return make_source(corpus, held_out=True)


@pytest.fixture(scope="session")
def tokenizer() -> Tokenizer:
    return Tokenizer.from_file(str(Path(str(files("adapt.starter"))) / "model" / "tokenizer.json"))
