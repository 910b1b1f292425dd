"""No file that no encoder wrote becomes a wrong picture, an unnamed error or a burden; and what counts them is true."""

import contextlib
import dataclasses
import functools
import io
import tracemalloc

import pytest
from PIL import Image, UnidentifiedImageError

import hcfss_jax.pillow  # noqa: F401  (Pillow is to know the format)
from eval import fuzz
from hcfss_jax import coding
from hcfss_jax.codec import Codec
from hcfss_jax.codec.compiled_model import CodingPasses
from hcfss_jax.errors import ImageTooLarge
from tests.small_model import small_package


@functools.cache
def codec() -> Codec:
    return Codec(small_package())


@functools.cache
def good() -> list[fuzz.Good]:
    return fuzz.good_files(codec())


@pytest.fixture(autouse=True)
def small_model(monkeypatch):
    files = good()
    monkeypatch.setattr(fuzz, "load", lambda name: codec())
    monkeypatch.setattr(fuzz, "good_files", lambda codec: files)


@dataclasses.dataclass
class Liar:
    """A decoder that answers everything alike."""

    answer: Image.Image | Exception

    def decompress(self, data: bytes, max_pixels: int) -> Image.Image:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def outcome(decoder, data: bytes, forged: bool = True) -> str:
    return fuzz.decode(decoder, data, forged, good())[0]


def narrower() -> bytes:
    """The first good file with its last column cut off, which changes none of its symbols."""
    header, stream, sections = good()[0].contents
    return coding.pack(dataclasses.replace(header, width=header.width - 1), stream, sections)


def test_two_thousand_bad_files_do_no_harm(capsys):
    assert fuzz.main(["--count", "2000"]) == 0
    table = capsys.readouterr().out.splitlines()
    rows = {line[:22].strip(): line[22:].split() for line in table[-len(fuzz.MUTATIONS) - 1 :]}
    assert rows.keys() == {*fuzz.MUTATIONS, "all"}
    assert sum(int(n) for n in rows["all"] if n != "-") == 2000
    assert rows["all"][-4:] == ["-", "-", "-", "-"]


def test_every_kind_of_mutation_makes_different_bad_files():
    made = {kind: set() for kind in fuzz.MUTATIONS}
    for number in range(12 * len(made)):
        kind, data = fuzz.mutated(good(), number)
        made[kind].add(data)
    whole = {each.data for each in good()}
    assert min(len(files - whole) for files in made.values()) > 3


def test_a_good_file_is_the_right_picture_and_a_lie_about_it_a_wrong_one():
    first = good()[0]
    assert outcome(codec(), first.data) == fuzz.RIGHT
    lie = first.picture.copy()
    lie.putpixel((0, 0), (1, 2, 3))
    assert outcome(Liar(lie), first.data) == fuzz.WRONG


def test_a_forged_border_is_another_picture_if_its_pixels_are_as_they_were():
    right = good()[0].picture
    assert outcome(codec(), narrower()) == fuzz.ANOTHER
    shifted = right.crop((1, 0, *right.size))
    assert outcome(Liar(shifted), narrower()) == fuzz.WRONG
    assert outcome(Liar(right), narrower()) == fuzz.WRONG  # not of the size that the file says


def test_a_damaged_file_is_no_other_picture():
    assert outcome(codec(), narrower(), forged=False) == fuzz.WRONG


def test_symbols_of_no_good_file_are_a_wrong_picture():
    header, stream, sections = good()[0].contents
    forged = coding.pack(header, stream[::-1], sections)
    assert outcome(Liar(good()[0].picture), forged) == fuzz.WRONG


def test_an_error_without_a_name_slowness_and_memory_are_seen(monkeypatch):
    first = good()[0]
    assert outcome(Liar(KeyError("oops")), first.data) == fuzz.UNNAMED
    with monkeypatch.context() as patch:
        patch.setattr(fuzz, "LONGEST", 0.0)
        assert outcome(codec(), first.data) == fuzz.SLOW
    peaks = iter([1 << 30, 2 << 30])
    monkeypatch.setattr(fuzz, "peak_memory", lambda: {"process": next(peaks)})
    assert outcome(codec(), first.data) == fuzz.HUNGRY


def test_a_bad_outcome_fails_the_run_and_says_how_to_see_it_again(monkeypatch, capsys):
    monkeypatch.setattr(fuzz, "load", lambda name: Liar(KeyError("oops")))
    assert fuzz.main(["--count", "3", "--first", "40"]) == 1
    assert (
        "OTHER EXCEPTION KeyError('oops') (--seed 0 --first 41 --count 1)"
        in capsys.readouterr().out
    )


def test_ctrl_c_keeps_the_table(monkeypatch, capsys):
    whole = fuzz.attempts

    def stopped(codec, numbers, seed, memory):
        yield from whole(codec, range(30), seed, memory)
        raise KeyboardInterrupt

    monkeypatch.setattr(fuzz, "attempts", stopped)
    assert fuzz.main(["--count", "1000"]) == fuzz.INTERRUPTED
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith("all") and sum(int(n) for n in last.split()[1:] if n != "-") == 30


@pytest.mark.parametrize("width, height", [(1 << 24, 1 << 24), (1 << 24, 1), (257, 256)])
def test_a_claimed_size_is_judged_before_anything_is_made_of_it(monkeypatch, width, height):
    monkeypatch.setattr(CodingPasses, "of", lambda *size: pytest.fail(f"passes of {size}"))
    header, stream, sections = good()[0].contents
    claim = coding.pack(dataclasses.replace(header, width=width, height=height), stream, sections)
    tracemalloc.start()
    with pytest.raises(ImageTooLarge):
        codec().decompress(claim, max_pixels=fuzz.MAX_PIXELS)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 20


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_pillow_opens_or_declines_bad_files():
    opened = 0
    for number in range(660):
        data = fuzz.mutated(good(), number)[1]
        with contextlib.suppress(UnidentifiedImageError, Image.DecompressionBombError):
            opened += Image.open(io.BytesIO(data)).format == "HCF"
    assert 0 < opened < 660
