"""Answers that are known: GitHub is asked whether anything is new, and nothing old is taken for it."""

from __future__ import annotations

from pathlib import Path

from miyabi.github.answers import ConditionalTransport, KeptAnswers
from miyabi.github.request import Request, Response

ISSUES = Request(path="issues", subject="issues", query={"page": 1})


class Served:
    """A server with one thing, which has a tag."""

    def __init__(self, content: bytes) -> None:
        self.content, self.asked = content, list[str]()

    async def send(self, request: Request, *, path: str) -> Response:
        """304 where the asker has it."""
        self.asked.append(request.etag)
        etag = f'"{self.content.decode()}"'
        if request.etag == etag:
            return Response(status=304)
        return Response(status=200, headers={"etag": etag, "link": "<x?page=2>; rel=next"}, content=self.content)


async def asked(server: Served, file: Path, request: Request = ISSUES) -> Response:
    """An answer, the file read before and written afterwards."""
    answers = KeptAnswers.read(file)
    answer = await ConditionalTransport(server, answers).send(request, path=f"repos/o/r/{request.path}")
    answers.write(file)
    return answer


async def test_what_is_known_is_asked_for_by_its_tag(tmp_path: Path) -> None:
    """The second answer is the first one, its next page included, out of a file that is its owner's alone."""
    server, file = Served(b"[1]"), tmp_path / "answers"
    first, second = await asked(server, file), await asked(server, file)
    assert server.asked == ["", '"[1]"']
    assert (second.data, second.next_page) == (first.data, first.next_page) == ([1], {"page": "2"})
    assert file.stat().st_mode & 0o077 == 0


async def test_what_is_new_comes_and_is_known_then(tmp_path: Path) -> None:
    """Another tag brings the new answer."""
    server, file = Served(b"[1]"), tmp_path / "answers"
    await asked(server, file)
    server.content = b"[2]"
    assert [(await asked(server, file)).data for _ in range(2)] == [[2], [2]]
    assert server.asked[-1] == '"[2]"'


async def test_another_page_and_a_write_are_asked_plainly(tmp_path: Path) -> None:
    """A tag is for one path with one query, and for reading."""
    server, file = Served(b"[1]"), tmp_path / "answers"
    await asked(server, file)
    await asked(server, file, Request(path="issues", subject="issues", query={"page": 2}))
    await asked(server, file, Request.post("issues", {}, subject="issues"))
    assert server.asked == ["", "", ""]


async def test_a_damaged_file_is_no_answer(tmp_path: Path) -> None:
    """Everything is asked anew then, and what cannot be written is asked anew next time."""
    server, file = Served(b"[1]"), tmp_path / "answers"
    for text in ("", "{", "[]", '{"a": 1}', '{"a": {"x": 1}}'):
        file.write_text(text)
        assert (await asked(server, file)).data == [1]
    assert set(server.asked) == {""}
    assert (await asked(server, tmp_path / "missing" / "answers")).data == [1]
