from pathlib import Path

import pytest

from adapt.embedding.hash_embedder import HashEmbedder
from adapt.errors import AdaptError, NotFoundError, WorkspaceError
from adapt.workspace.folder import Workspace
from retrieval.collections.access import Access, private
from retrieval.collections.collection import Collection
from retrieval.collections.owner import remove, share
from retrieval.versions.names import ACCESS


@pytest.fixture
def secret(workspace: Workspace, handbook: Path) -> Collection:
    """Return a collection that only bo, and ana whom bo named, may read."""
    collection = Collection.open_or_create(
        workspace, "secret", HashEmbedder(), user="bo", access=private("bo", ("ana",))
    )
    collection.ingest([handbook])
    return collection


def test_a_private_collection_does_not_exist_for_others(
    workspace: Workspace, secret: Collection
) -> None:
    assert Collection.list(workspace, user="bo") == ["secret"]
    assert Collection.list(workspace, user="eve") == Collection.list(workspace) == []
    with pytest.raises(NotFoundError) as caught:
        Collection.open(workspace, "secret", HashEmbedder(), user="eve")
    with pytest.raises(NotFoundError) as never:
        Collection.open(workspace, "nothing", HashEmbedder(), user="eve")
    assert str(caught.value).replace("secret", "nothing") == str(never.value)


def test_who_is_named_reads_and_does_not_write(
    workspace: Workspace, secret: Collection, handbook: Path
) -> None:
    shared = Collection.open(workspace, "secret", HashEmbedder(), user="ana")

    assert shared.search("When does the office open?")
    with pytest.raises(AdaptError, match="belongs to bo, who alone may change it"):
        shared.ingest([handbook])
    with pytest.raises(AdaptError, match="belongs to bo"):
        remove(shared, "hours.txt")
    with pytest.raises(AdaptError, match="belongs to bo"):
        share(shared, Access())


def test_a_name_that_another_user_has_is_refused_without_a_word_of_whose(
    workspace: Workspace, secret: Collection
) -> None:
    with pytest.raises(AdaptError) as caught:
        Collection.open_or_create(workspace, "secret", HashEmbedder(), user="eve")

    assert "bo" not in str(caught.value)
    assert "choose another" in str(caught.value)


def test_the_owner_shares_and_takes_back(workspace: Workspace, secret: Collection) -> None:
    share(secret, private("bo", ("eve", "bo", "eve")))
    seen = [Collection.list(workspace, user=user) for user in ("eve", "ana")]
    share(secret, Access(owner="bo", public=True))

    assert secret.access.readers == ()
    assert seen == [["secret"], []]
    assert Collection.list(workspace) == ["secret"]


def test_a_damaged_access_file_opens_nothing(workspace: Workspace, secret: Collection) -> None:
    (secret.folder / ACCESS).write_text("{")

    assert Collection.list(workspace, user="bo") == []
    with pytest.raises(WorkspaceError, match="nobody may read the collection"):
        Collection.open(workspace, "secret", HashEmbedder(), user="bo")


def test_an_interrupted_first_ingest_leaves_the_name_to_its_owner(
    workspace: Workspace, handbook: Path
) -> None:
    class Stopped(HashEmbedder):
        """Stops after the first document."""

        def embed(self, texts: object) -> list[list[float]]:
            raise KeyboardInterrupt

    mine = Collection.open_or_create(workspace, "c", Stopped(), user="bo", access=private("bo"))
    with pytest.raises(KeyboardInterrupt):
        mine.ingest([handbook])

    other = Collection.open_or_create(workspace, "c", HashEmbedder(), user="eve")

    assert other.ingest([handbook]).added  # nothing had been kept, so the name is free again


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "x" * 129])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(AdaptError, match="cannot name a user"):
        private("bo", (name,))
