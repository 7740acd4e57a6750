"""The dashboard: a Solara page on which to watch a run, change it and compare. It contains no science.

`serve` starts it, `page` is what a visitor sees, `mesa_app` the same model under Mesa's own controls.
"""
