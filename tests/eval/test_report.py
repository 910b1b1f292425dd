"""The files of a report: a page that stands alone and is safe with any name, plots, and their comparison."""

import json
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest
from PIL import Image

from eval import compare
from eval.main import main
from tests.eval.jpeg_in_disguise import PHOTO, JpegInDisguise

NAME = "<img src=x onerror=alert(1)> & $title $5.png"


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Reports of two codecs of one name on one picture with a name that means harm; the second wastes bytes."""
    folder = tmp_path_factory.mktemp("runs")
    (folder / "pictures").mkdir()
    Image.fromarray(PHOTO[:176, 160:336]).save(folder / "pictures" / NAME)
    with pytest.MonkeyPatch.context() as patch:
        for name, waste in (("first", 0), ("second", 500)):
            codec = JpegInDisguise()
            codec.padding = bytes(waste)
            patch.setattr("eval.main.load", lambda _, model=None, codec=codec: codec)
            args = ["--data", str(folder / "pictures"), "--out", str(folder / name)]
            args += ["--anchors", "jpeg", "webp", "--qualities", "10", "30", "60", "90"]
            assert main([*args, "--published", "kodak"]) == 0
    return folder


class Page(HTMLParser):
    """Collects what a browser would fetch or run, and the text that it would show."""

    def __init__(self, html: str):
        super().__init__()
        self.loaded, self.tags, self.text = [], set(), ""
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        self.loaded += [v for k, v in attributes if k in ("src", "href", "xlink:href", "srcset")]
        assert not any(k.startswith("on") for k, _ in attributes)

    def handle_data(self, data):
        self.text += data


def test_the_page_asks_nothing_of_the_network_and_runs_nothing(runs):
    html = (runs / "first" / "index.html").read_text()
    page = Page(html)
    assert not page.tags & {"script", "link", "iframe", "object"}
    assert all(address.startswith(("data:image/webp;base64,", "#")) for address in page.loaded)
    assert "@import" not in html and html.count("url(") == html.count("url(#")
    crops = [address for address in page.loaded if address.startswith("data:")]
    assert len(crops) == len(("original", "ours", "JPEG", "WebP"))


def test_names_from_files_are_text_on_the_page(runs):
    page = Page((runs / "first" / "index.html").read_text())
    assert NAME in page.text
    assert "VTM 9.1" in page.text and "libjpeg-turbo" in page.text


@pytest.mark.parametrize("metric", ["psnr", "ms_ssim"])
def test_plots_are_pictures_that_name_their_curves(runs, metric):
    Image.open(runs / "first" / f"{metric}.png").verify()
    svg = (runs / "first" / f"{metric}.svg").read_text()
    ElementTree.fromstring(svg)
    assert "disguise" in svg and "WebP" in svg and "VTM 9.1" in svg


def test_runs_are_compared_in_one_table_and_one_plot(runs, tmp_path, capsys):
    reports = [str(runs / "first" / "report.json"), str(runs / "second")]
    assert compare.main([*reports, "--out", str(tmp_path)]) == 0
    told = capsys.readouterr().out
    answer = next(line for line in told.splitlines() if line.startswith("BD-rate"))
    assert f"of disguise ({reports[1]}) against disguise ({reports[0]}), PSNR: +" in answer
    assert {path.name for path in tmp_path.iterdir()} == {
        f"{metric}.{kind}" for metric in ("psnr", "ms_ssim") for kind in ("png", "svg")
    }


def test_runs_over_other_pictures_are_not_compared(runs, tmp_path, capsys):
    report = json.loads((runs / "first" / "report.json").read_text())
    report["data"]["digest"] = "another"
    (tmp_path / "other.json").write_text(json.dumps(report))
    assert compare.main([str(runs / "first"), str(tmp_path / "other.json")]) == 1
    assert "not over the same pictures" in capsys.readouterr().err


@pytest.mark.parametrize("content", ["", "[]", '{"codec": 1}', '{"format": 99}'])
def test_what_is_no_report_is_named(tmp_path, capsys, content):
    (tmp_path / "report.json").write_text(content)
    assert compare.main([str(tmp_path)]) == 1
    error = capsys.readouterr().err
    assert str(tmp_path / "report.json") in error and error.count("\n") == 1
