"""`triage demo`: everything on one machine, with pretend patients and a pretend carrier."""

from pathlib import Path

import click
from rich.console import Console

from triage.demo.child import CannotStart


@click.command()
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    help="Port of the inbox (without it 8080 or the next free one); the phones get the next one.",
)
@click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(".triage/demo"),
    show_default=True,
    help="Folder for everything the demo keeps.",
)
@click.option("--reset", is_flag=True, help="Forget what is in the data folder and start over.")
@click.option(
    "--open", "open_browser", is_flag=True, help="Open the inbox and the phones in a browser when ready."
)
@click.option("--no-sim", "no_phones", is_flag=True, help="Without the pretend carrier and its phones.")
@click.option("--verbose", is_flag=True, help="Show what all processes write.")
@click.pass_obj
def demo(
    product: object,
    port: int | None,
    data: Path,
    reset: bool,
    open_browser: bool,
    no_phones: bool,
    verbose: bool,
) -> None:
    """Start a practice with pretend patients: database, inbox, workers and phones to type on.

    Uses DATABASE_URL and REDIS_URL when they are set, else starts servers of its own. Listens on this
    computer only. Ctrl-C stops everything; the next start continues.
    """
    try:
        # Here, so that a package that is missing becomes a sentence and --help always works.
        from triage.demo.launch import Options, Product, launch

        options = Options(
            data=data,
            port=port,
            reset=reset,
            open_browser=open_browser,
            phones=not no_phones,
            verbose=verbose,
        )
        launch(options, product if isinstance(product, Product) else Product(), Console())
    except CannotStart as problem:
        raise click.ClickException(str(problem)) from None
    except ModuleNotFoundError as missing:
        raise click.ClickException(
            f"The Python package {missing.name} is missing: start with make demo, which installs it."
        ) from None
