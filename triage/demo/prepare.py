"""The demo's practices, patients and history, for where the launcher is not at hand (docker compose)."""

from pathlib import Path

import click

from triage.demo.carrier import write_carrier_file


@click.command()
@click.option(
    "--data", type=click.Path(path_type=Path, file_okay=False), required=True, help="The demo's folder."
)
@click.option("--product-url", required=True, help="Where the carrier calls when a text arrives.")
def prepare(data: Path, product_url: str) -> None:
    """Write the carrier's file and fill the database of DATABASE_URL; a second run changes nothing."""
    from triage.demo.seed import seed_here

    carrier_file = data / "carrier.json"
    write_carrier_file(carrier_file, product_url=product_url)
    seed_here(carrier_file)


if __name__ == "__main__":
    prepare()
