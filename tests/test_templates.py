"""Templates: HTML escapes what it is given, Markdown does not, and nothing that is missing is left out in silence."""

from __future__ import annotations

import jinja2
import pytest

from niche_sim.engine import templates


@pytest.fixture
def rendered(tmp_path, monkeypatch):
    """Renders a text as a template of a name."""
    environment = templates._environment().overlay(loader=jinja2.FileSystemLoader(tmp_path))
    monkeypatch.setattr(templates, "_environment", lambda: environment)

    def render(name, source, **given):
        (tmp_path / name).write_text(source, encoding="utf-8")
        return templates.render(name, **given)

    return render


def test_html_is_escaped_and_markdown_is_not(rendered):
    assert rendered("a.html", "<p>{{ text }}</p>", text="<b> & 'c'") == "<p>&lt;b&gt; &amp; &#39;c&#39;</p>"
    assert rendered("a.md", "{{ text }}", text="a < b & c") == "a < b & c"


def test_what_is_given_is_no_template(rendered):
    assert rendered("a.html", "{{ text }}", text="{{ secret }}") == "{{ secret }}"


def test_a_name_that_nobody_gives_is_an_error(rendered):
    with pytest.raises(jinja2.UndefinedError, match="missing"):
        rendered("a.html", "{{ missing }}")


def test_markdown_has_no_runs_of_empty_lines(rendered):
    assert rendered("a.md", "a\n\n{% if false %}\nx\n{% endif %}\n\n\nb\n") == "a\n\nb\n"
